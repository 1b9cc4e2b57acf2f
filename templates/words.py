"""The words for the domain's closed sets, and the labels of the client portal, by language."""

from domain.measures import Measure, Restriction, Scope
from domain.parties import Language
from templates.labels import LABELS

_EFFECT = {
    Language.EN: {
        Measure.RATE_LIMIT: "outgoing mail of {target} is limited to a number of messages an hour",
        Measure.SMARTHOST_REDIRECT: (
            "outgoing mail of {target} goes through a filtering smarthost, which delivers "
            "legitimate messages and is billed by the messages that it relays"
        ),
        Measure.HOLD_DOMAIN: (
            "outgoing mail of {target} is accepted and kept in the queue, not delivered; on "
            "servers where a domain belongs to a hosting account, so is that of the account's "
            "other domains"
        ),
        Measure.HOLD_SERVER: (
            "all outgoing mail of {target} is accepted and kept in the queue, not delivered"
        ),
        Measure.BLOCK_PORT25: (
            "outgoing connections to TCP port 25 from {target} are blocked at the edge of our "
            "network"
        ),
        Measure.SUSPEND_ACCOUNT_SMTP: "outgoing mail of {target} is suspended",
        Measure.REQUIRE_AUTHENTICATED_SMTP: (
            "on {target}, local submission (such as PHP mail) is refused; authenticated SMTP "
            "goes on working"
        ),
    },
    Language.ES: {
        Measure.RATE_LIMIT: (
            "el correo saliente de {target} queda limitado a un número de mensajes por hora"
        ),
        Measure.SMARTHOST_REDIRECT: (
            "el correo saliente de {target} pasa por un smarthost con filtrado, que entrega los "
            "mensajes legítimos y se factura según los mensajes que retransmite"
        ),
        Measure.HOLD_DOMAIN: (
            "el correo saliente de {target} se acepta y queda retenido en la cola, sin "
            "entregarse; en los servidores donde un dominio pertenece a una cuenta de "
            "alojamiento, también el de los demás dominios de esa cuenta"
        ),
        Measure.HOLD_SERVER: (
            "todo el correo saliente de {target} se acepta y queda retenido en la cola, sin "
            "entregarse"
        ),
        Measure.BLOCK_PORT25: (
            "las conexiones salientes al puerto TCP 25 desde {target} quedan bloqueadas en el "
            "borde de nuestra red"
        ),
        Measure.SUSPEND_ACCOUNT_SMTP: "el correo saliente de {target} queda suspendido",
        Measure.REQUIRE_AUTHENTICATED_SMTP: (
            "en {target} se rechaza el envío local (como el de PHP mail); el SMTP autenticado "
            "sigue funcionando"
        ),
    },
}
_TARGET = {
    Language.EN: {
        Scope.DOMAIN: "the domain",
        Scope.SERVER: "the server",
        Scope.ADDRESS: "the address",
        Scope.ACCOUNT: "your account",
    },
    Language.ES: {
        Scope.DOMAIN: "el dominio",
        Scope.SERVER: "el servidor",
        Scope.ADDRESS: "la dirección",
        Scope.ACCOUNT: "su cuenta",
    },
}


def measure_sentence(restriction: Restriction, language: Language) -> str:
    """What a measure does and to what, as the second half of a sentence, without a full stop."""
    targets = ", ".join(restriction.targets)
    target = f"{_TARGET[language][restriction.scope]} {targets}"
    if language is Language.ES:
        effect = _EFFECT[language][restriction.measure].replace("de {target}", "{de_target}")
        return effect.format(target=target, de_target=_contracted(target))
    return _EFFECT[language][restriction.measure].format(target=target)


def _contracted(target: str) -> str:
    """Spanish joins "de" and "el" into "del"."""
    return f"del {target.removeprefix('el ')}" if target.startswith("el ") else f"de {target}"


_ENGLISH = {
    "stage": {
        "open": "Opened",
        "notified": "You have been notified",
        "waiting": "Waiting for you to act",
        "restricted": "A measure on outgoing mail is in force",
        "verifying": "We are verifying that it is fixed",
        "delisting": "Waiting for blocklists to remove the addresses",
        "probation": "Observation period",
        "closed": "Closed",
    },
    "outcome": {
        "remediated": "remediated",
        "false_positive": "false positive",
        "terminated": "service terminated",
        "withdrawn": "withdrawn",
    },
    "condition": {
        "cause_fixed": "the cause is found and fixed",
        "delisting_fee": "the delisting fee of your contract is accepted",
        "authenticated_smtp_only": "the server sends by authenticated SMTP only",
        "dedicated_address_or_hourly_limit": (
            "a paid dedicated address for outgoing mail, or an hourly limit, is accepted"
        ),
    },
    "term": {
        "delisting_fee": "I accept the delisting fee of the contract",
        "authenticated_smtp_only": "I accept that the server sends by authenticated SMTP only",
        "dedicated_address": (
            "I accept a dedicated address for outgoing mail, at the contract's monthly price"
        ),
        "hourly_limit": "I accept an hourly limit on outgoing mail",
    },
    "charge": {
        "delisting": "Delisting fee",
        "smarthost": "Filtering smarthost",
        "dedicated_address": "Dedicated address, a month",
    },
    "charge_state": {
        "may_fall_due": "may fall due",
        "due": "due",
        "waived": "waived",
        "voided": "cancelled",
    },
    "label": LABELS[Language.EN],
}
_SPANISH = {
    "stage": {
        "open": "Abierta",
        "notified": "Se le ha notificado",
        "waiting": "A la espera de su actuación",
        "restricted": "Hay una medida en vigor sobre el correo saliente",
        "verifying": "Estamos verificando que está resuelta",
        "delisting": "A la espera de que las listas de bloqueo retiren las direcciones",
        "probation": "Periodo de observación",
        "closed": "Cerrada",
    },
    "outcome": {
        "remediated": "resuelta",
        "false_positive": "falso positivo",
        "terminated": "servicio terminado",
        "withdrawn": "retirada",
    },
    "condition": {
        "cause_fixed": "la causa está localizada y corregida",
        "delisting_fee": "se acepta la tarifa de retirada de listas de su contrato",
        "authenticated_smtp_only": "el servidor envía solo por SMTP autenticado",
        "dedicated_address_or_hourly_limit": (
            "se acepta una dirección dedicada de pago para el correo saliente o un límite por hora"
        ),
    },
    "term": {
        "delisting_fee": "Acepto la tarifa de retirada de listas del contrato",
        "authenticated_smtp_only": "Acepto que el servidor envíe solo por SMTP autenticado",
        "dedicated_address": (
            "Acepto una dirección dedicada para el correo saliente, al precio mensual del contrato"
        ),
        "hourly_limit": "Acepto un límite por hora del correo saliente",
    },
    "charge": {
        "delisting": "Tarifa de retirada de listas de bloqueo",
        "smarthost": "Smarthost con filtrado",
        "dedicated_address": "Dirección dedicada, al mes",
    },
    "charge_state": {
        "may_fall_due": "puede devengarse",
        "due": "devengado",
        "waived": "condonado",
        "voided": "anulado",
    },
    "label": LABELS[Language.ES],
}
WORDS: dict[Language, dict[str, dict[str, str]]] = {
    Language.EN: _ENGLISH,
    Language.ES: _SPANISH,
}
"""`WORDS[language]["stage"]["waiting"]`: the same keys in every language; a test holds that."""
