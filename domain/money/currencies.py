"""The currencies of ISO 4217 (list one), and how many decimals an amount of each can have.

Metals, bond market units, the SDR and the codes for tests are left out: nobody is billed in them.
Babel's figures are CLDR's, which say how amounts are usually shown (no dinar of Iraq has decimals
there); a ledger needs the standard's.
"""

_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
        "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK "
        "LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
        "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
        "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST "
        "XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES: dict[str, int] = {
    code: places for places, codes in _BY_DECIMALS.items() for code in codes.split()
}
"""Code to decimals. The database has the same in its table `currencies`; a test holds that."""


def decimals(code: str) -> int:
    """How many an amount has. A code that has been withdrawn since a contract was kept has two."""
    return CURRENCIES.get(code, 2)
