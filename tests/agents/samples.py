"""Lines as mail servers write them, with made-up names."""

POSTFIX = r"""
Nov 24 20:27:41 mx postfix/smtpd[6230]: connect from client.example[192.0.2.55]
Nov 24 20:27:41 mx postfix/smtpd[6230]: 4fX1Yz2k1Jz9zB: client=client.example[192.0.2.55], sasl_method=LOGIN, sasl_username=info@shop.example
Nov 24 20:27:41 mx postfix/cleanup[6233]: 4fX1Yz2k1Jz9zB: message-id=<1@shop.example>
Nov 24 20:27:41 mx postfix/qmgr[6229]: 4fX1Yz2k1Jz9zB: from=<info@shop.example>, size=812, nrcpt=3 (queue active)
Nov 24 20:27:42 mx postfix/smtp[6236]: 4fX1Yz2k1Jz9zB: to=<a@far.example>, relay=mx.far.example[198.51.100.7]:25, delay=1.1, delays=0.1/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9A2B3)
Nov 24 20:27:42 mx postfix/smtp[6236]: 4fX1Yz2k1Jz9zB: to=<b@far.example>, orig_to=<list@shop.example>, relay=mx.far.example[198.51.100.7]:25, conn_use=2, delay=1.1, delays=0.1/0/0.5/0.5, dsn=5.1.1, status=bounced (host mx.far.example[198.51.100.7] said: 550 5.1.1 <b@far.example>: Recipient address rejected: User unknown (in reply to RCPT TO command))
Nov 24 20:27:42 mx postfix/smtp[6237]: 4fX1Yz2k1Jz9zB: to=<c@slow.example>, relay=mx.slow.example[198.51.100.8]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=4.7.1, status=deferred (host mx.slow.example[198.51.100.8] said: 450 4.7.1 Greylisted, try again in 300 s (in reply to RCPT TO command))
Nov 24 20:27:42 mx postfix/bounce[6240]: 4fX1Yz2k1Jz9zB: sender non-delivery notification: 4fX1Yz5x2Jz9zC
Nov 24 20:27:42 mx postfix/qmgr[6229]: 4fX1Yz5x2Jz9zC: from=<>, size=2412, nrcpt=1 (queue active)
Nov 24 20:27:42 mx postfix/virtual[6241]: 4fX1Yz5x2Jz9zC: to=<info@shop.example>, relay=virtual, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (delivered to maildir)
Nov 24 20:27:42 mx postfix/qmgr[6229]: 4fX1Yz5x2Jz9zC: removed
Nov 24 20:33:02 mx postfix/qmgr[6229]: 4fX1Yz2k1Jz9zB: from=<info@shop.example>, size=812, nrcpt=3 (queue active)
Nov 24 20:33:03 mx postfix/smtp[6290]: 4fX1Yz2k1Jz9zB: to=<c@slow.example>, relay=mx.slow.example[198.51.100.8]:25, delay=322, delays=321/0/0.6/0.5, dsn=2.0.0, status=sent (250 Ok)
Nov 24 20:33:03 mx postfix/qmgr[6229]: 4fX1Yz2k1Jz9zB: removed
Nov 24 20:34:00 mx postfix/pickup[6228]: 0A1B2C3D4E: uid=33 from=<www-data>
Nov 24 20:34:00 mx postfix/qmgr[6229]: 0A1B2C3D4E: from=<www-data@web.shop.example>, size=500, nrcpt=2 (queue active)
Nov 24 20:34:01 mx postfix/smtp[6301]: 0A1B2C3D4E: to=<d@gone.example>, relay=none, delay=0.4, delays=0/0/0.4/0, dsn=5.4.4, status=bounced (Host or domain name not found. Name service error for name=gone.example type=A: Host not found)
Nov 24 20:34:31 mx postfix/smtp[6302]: 0A1B2C3D4E: to=<e@dark.example>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.dark.example[198.51.100.9]:25: Connection timed out)
Nov 24 20:35:00 mx postfix/smtpd[6230]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <x@far.example>: Relay access denied; from=<y@else.example> to=<x@far.example> proto=ESMTP helo=<z>
""".strip()  # noqa: E501

POSTFIX_ISO = r"""
2026-11-24T20:27:41.123456+01:00 mx postfix/qmgr[6229]: 4fX1Yz2k1Jz9zB: from=<info@shop.example>, size=812, nrcpt=1 (queue active)
2026-11-24T20:27:42.000001+01:00 mx postfix/relay/smtp[6236]: 4fX1Yz2k1Jz9zB: to=<"odd one"@far.example>, relay=mx.far.example[2001:db8::7]:25, delay=1.1, delays=0.1/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok)
2026-11-24T20:27:42.000002+01:00 mx postfix-second/qmgr[6229]: 4fX1Yz2k1Jz9zB: removed
""".strip()  # noqa: E501

AMAVIS = r"""
Nov 24 20:27:41 mx postfix/qmgr[6229]: ABCDE1: from=<friend@far.example>, size=812, nrcpt=1 (queue active)
Nov 24 20:27:42 mx postfix/smtp-amavis/smtp[6236]: ABCDE1: to=<info@shop.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1.1, delays=0.1/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as ABCDE2)
Nov 24 20:27:42 mx postfix/qmgr[6229]: ABCDE1: removed
""".strip()  # noqa: E501

EXIM_DEBIAN = r"""
2026-11-24 20:27:41 1tFabc-000000001Xy-2Zz9 <= info@shop.example U=www-data P=local S=812 id=1@shop.example T="A => b T=remote_smtp ** c" for a@far.example b@far.example c@slow.example
2026-11-24 20:27:42 1tFabc-000000001Xy-2Zz9 => a@far.example R=dnslookup T=remote_smtp H=mx.far.example [198.51.100.7] X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=yes DN="CN=mx" C="250 2.0.0 Ok: queued as 9A2B3"
2026-11-24 20:27:42 1tFabc-000000001Xy-2Zz9 ** b@far.example R=dnslookup T=remote_smtp H=mx.far.example [198.51.100.7] X=TLS1.3:ECDHE:256 CV=yes: SMTP error from remote mail server after RCPT TO:<b@far.example>: 550 5.1.1 User unknown
2026-11-24 20:27:42 1tFabc-000000001Xy-2Zz9 == c@slow.example R=dnslookup T=remote_smtp defer (-44) H=mx.slow.example [198.51.100.8]: SMTP error from remote mail server after RCPT TO:<c@slow.example>: 451 4.7.1 Greylisted
2026-11-24 20:27:42 1tFabd-000000001Xz-0Aa1 <= <> R=1tFabc-000000001Xy-2Zz9 U=Debian-exim P=local S=2412 T="Mail delivery failed: returning message to sender" for info@shop.example
2026-11-24 20:27:42 1tFabd-000000001Xz-0Aa1 => info <info@shop.example> R=local_user T=maildir_home
2026-11-24 20:27:42 1tFabd-000000001Xz-0Aa1 Completed
2026-11-24 20:57:42 Start queue run: pid=4711
2026-11-24 20:57:43 1tFabc-000000001Xy-2Zz9 => c@slow.example R=dnslookup T=remote_smtp H=mx.slow.example [198.51.100.8] C="250 Ok"
2026-11-24 20:57:43 1tFabc-000000001Xy-2Zz9 Completed
2026-11-24 20:57:43 End queue run: pid=4711
2026-11-24 20:58:00 1tFabe-000000001Y0-1Bb2 <= news@shop.example H=(laptop) [192.0.2.55] P=esmtpsa X=TLS1.3 A=plain_login:news@shop.example S=700
2026-11-24 20:58:01 1tFabe-000000001Y0-1Bb2 ** d@gone.example: Unrouteable address
2026-11-24 20:58:31 1tFabe-000000001Y0-1Bb2 == e@dark.example R=dnslookup T=remote_smtp defer (110): Connection timed out
2026-11-24 20:59:00 1tFabe-000000001Y0-1Bb2 ** e@dark.example R=dnslookup T=remote_smtp: retry timeout exceeded
2026-11-24 20:59:00 H=bad.example [203.0.113.9] F=<y@else.example> rejected RCPT <x@far.example>: relay not permitted
""".strip()  # noqa: E501

EXIM_CPANEL = r"""
2026-11-24 20:27:41 [4711] 1tFabc-0001Xy-2Z <= info@shop.example H=(laptop) [192.0.2.55]:50123 P=esmtpsa X=TLS1.2:ECDHE-RSA-AES256-GCM-SHA384:256 CV=no A=dovecot_login:info@shop.example S=812 id=1@shop.example T="Offer" for a@far.example
2026-11-24 20:27:41 [4712] 1tFabc-0001Xy-2Z Sender identification U=shopuser D=shop.example S=info@shop.example
2026-11-24 20:27:41 [4712] 1tFabc-0001Xy-2Z SMTP connection outbound 1764016061 1tFabc-0001Xy-2Z shop.example a@far.example
2026-11-24 20:27:42 [4712] 1tFabc-0001Xy-2Z => a@far.example R=dkim_lookuphost T=dkim_remote_smtp H=mx.far.example [198.51.100.7] X=TLS1.2:256 CV=yes C="250 OK id=1"
2026-11-24 20:27:42 [4712] 1tFabc-0001Xy-2Z -> b@far.example R=dkim_lookuphost T=dkim_remote_smtp H=mx.far.example [198.51.100.7] X=TLS1.2:256 CV=yes C="250 OK id=1"
2026-11-24 20:27:42 [4712] 1tFabc-0001Xy-2Z => colleague <colleague@shop.example> R=virtual_user T=dovecot_virtual_delivery C="250 2.0.0 <colleague@shop.example> Saved"
2026-11-24 20:27:42 [4712] 1tFabc-0001Xy-2Z ** d@gone.example R=fail_remote_domains: The mail server could not deliver mail to d@gone.example.  The account or domain may not exist, they may be blacklisted, or missing the proper dns entries.
2026-11-24 20:27:42 [4712] 1tFabc-0001Xy-2Z Completed
""".strip()  # noqa: E501
