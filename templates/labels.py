"""The labels of the client portal and of the pages around it, by language."""

from domain.parties import Language

_ENGLISH = {
    "portal": "Client portal",
    "incident": "Incident",
    "situation": "What is happening",
    "situation_text": (
        "Unsolicited mail was sent from your service. Usually the owner of the mailbox or site "
        "does not know it. This page says where things stand and what is needed of you."
    ),
    "service": "Service",
    "addresses": "Sending addresses",
    "domain": "Domain in the messages",
    "first_seen": "First seen",
    "reports": "Reports received",
    "volume": "Messages counted",
    "deadline": "Deadline",
    "left": "Time left when this page was written:",
    "passed": "The deadline has passed.",
    "in_force": "In force now:",
    "upcoming": "If it is not fixed by the deadline:",
    "outgoing_only": (
        "This concerns outgoing mail only. Incoming mail goes on as usual, and mailboxes and "
        "accounts are not touched."
    ),
    "to_do": "What to do",
    "step_find": "Find what sends it: a mailbox, or a script, form or plugin of a website.",
    "step_stop": "Stop it there, clean what was changed, and bring it up to date.",
    "step_tell": (
        "If it belongs to a client of yours, tell them. They are your client and not ours: we "
        "never touch their mailboxes, accounts or passwords."
    ),
    "step_leave": "Change nothing that we have set up for outgoing mail.",
    "step_say": "Say below that it is fixed. We then verify it.",
    "conditions": "What has to be met before a measure is lifted",
    "listings": "Blocklists",
    "no_listings": "No address is on a blocklist that we know of.",
    "charges": "Prices",
    "at_least": "at least",
    "held": "Messages held",
    "held_text": (
        "Choose what to discard. Everything that you do not choose is delivered when the measure "
        "is lifted. If you leave the question below open, the messages of the offending sender "
        "stay held."
    ),
    "held_shown": "Shown here, of all that are held:",
    "held_more": "To discard those that are not shown, choose their sender.",
    "by_sender": "By sender",
    "discard_all_from": "Discard all from",
    "by_message": "By message",
    "discard": "Discard",
    "queue_id": "Queue id",
    "sender": "Sender",
    "recipients": "Recipients",
    "size": "Size",
    "arrived": "Arrived",
    "decided": "My answer about held messages",
    "answered_yes": "Discard what I chose and deliver the rest",
    "answered_no": "I do not answer yet",
    "terms": "Conditions of your contract",
    "terms_text": "Accepting them here is put on record as your agreement.",
    "terms_either": "One of the last two is enough.",
    "note": "What was it, and what did you do? (optional)",
    "read": "I have read this",
    "read_already": "It is on record that you have read this.",
    "fixed": "It is fixed",
    "fixed_title": "When it is fixed",
    "fixed_already": "It is on record that you say it is fixed, since",
    "not_now": "There is nothing to send at this stage. We will write to you.",
    "questions": "Questions, or do you think that this is a mistake? Write to",
    "done": "Put on record",
    "done_acknowledge": "It is on record that you have read about this incident.",
    "done_fixed": "It is on record that you say it is fixed. We verify it and write to you.",
    "at": "When",
    "accepted": "Accepted",
    "discarded_senders": "To discard, all from",
    "discarded_messages": "To discard, by queue id",
    "rest_delivered": "All other held messages are delivered when the measure is lifted.",
    "rest_unanswered": (
        "You have not answered about held messages: those of the offending sender stay held."
    ),
    "your_note": "Your note",
    "back": "Back to the incident",
    "gone": "This link shows nothing any more",
    "gone_text": (
        "The incident is closed, or the link is not complete. The link in our latest letter is "
        "the one that works."
    ),
    "problem": "Something is not right",
    "problem_text": "What you sent was not put on record. Please go back and try again.",
}
_SPANISH = {
    "portal": "Portal de clientes",
    "incident": "Incidencia",
    "situation": "Qué está ocurriendo",
    "situation_text": (
        "Desde su servicio se ha enviado correo no solicitado. Lo habitual es que el titular del "
        "buzón o del sitio no lo sepa. Esta página indica cómo está la situación y qué necesitamos "
        "de usted."
    ),
    "service": "Servicio",
    "addresses": "Direcciones emisoras",
    "domain": "Dominio de los mensajes",
    "first_seen": "Visto por primera vez",
    "reports": "Avisos recibidos",
    "volume": "Mensajes contados",
    "deadline": "Plazo",
    "left": "Tiempo restante al generarse esta página:",
    "passed": "El plazo ha terminado.",
    "in_force": "En vigor ahora:",
    "upcoming": "Si no está corregido al terminar el plazo:",
    "outgoing_only": (
        "Esto afecta solo al correo saliente. El correo entrante sigue como siempre, y los buzones "
        "y las cuentas no se tocan."
    ),
    "to_do": "Qué hacer",
    "step_find": (
        "Localice qué envía el correo: un buzón, o un script, formulario o complemento de un "
        "sitio web."
    ),
    "step_stop": "Deténgalo en su origen, limpie lo que se haya alterado y actualícelo.",
    "step_tell": (
        "Si pertenece a un cliente suyo, avísele. Es cliente suyo y no nuestro: nunca tocamos sus "
        "buzones, sus cuentas ni sus contraseñas."
    ),
    "step_leave": "No cambie nada de lo que hemos configurado para el correo saliente.",
    "step_say": "Indique abajo que está corregido. Entonces lo verificamos.",
    "conditions": "Qué debe cumplirse antes de levantar una medida",
    "listings": "Listas de bloqueo",
    "no_listings": "No nos consta ninguna dirección en listas de bloqueo.",
    "charges": "Precios",
    "at_least": "al menos",
    "held": "Mensajes retenidos",
    "held_text": (
        "Elija qué se descarta. Todo lo que no elija se entrega cuando se levanta la medida. Si "
        "deja abierta la pregunta de abajo, los mensajes del remitente causante siguen retenidos."
    ),
    "held_shown": "Mostrados aquí, de todos los retenidos:",
    "held_more": "Para descartar los que no se muestran, elija su remitente.",
    "by_sender": "Por remitente",
    "discard_all_from": "Descartar todo lo de",
    "by_message": "Por mensaje",
    "discard": "Descartar",
    "queue_id": "Id. de cola",
    "sender": "Remitente",
    "recipients": "Destinatarios",
    "size": "Tamaño",
    "arrived": "Llegada",
    "decided": "Mi respuesta sobre los mensajes retenidos",
    "answered_yes": "Descartar lo elegido y entregar el resto",
    "answered_no": "Todavía no respondo",
    "terms": "Condiciones de su contrato",
    "terms_text": "Aceptarlas aquí queda registrado como su conformidad.",
    "terms_either": "Basta con una de las dos últimas.",
    "note": "¿Qué era y qué ha hecho? (opcional)",
    "read": "Lo he leído",
    "read_already": "Consta que lo ha leído.",
    "fixed": "Está corregido",
    "fixed_title": "Cuando esté corregido",
    "fixed_already": "Consta que usted lo da por corregido, desde",
    "not_now": "En esta fase no hay nada que enviar. Le escribiremos.",
    "questions": "¿Preguntas, o cree que se trata de un error? Escriba a",
    "done": "Registrado",
    "done_acknowledge": "Consta que ha leído sobre esta incidencia.",
    "done_fixed": "Consta que usted la da por corregida. Lo verificamos y le escribimos.",
    "at": "Cuándo",
    "accepted": "Aceptado",
    "discarded_senders": "Para descartar, todo lo de",
    "discarded_messages": "Para descartar, por id. de cola",
    "rest_delivered": "Los demás mensajes retenidos se entregan cuando se levanta la medida.",
    "rest_unanswered": (
        "No ha respondido sobre los mensajes retenidos: los del remitente causante siguen "
        "retenidos."
    ),
    "your_note": "Su nota",
    "back": "Volver a la incidencia",
    "gone": "Este enlace ya no muestra nada",
    "gone_text": (
        "La incidencia está cerrada o el enlace no está completo. El enlace de nuestra última "
        "carta es el que funciona."
    ),
    "problem": "Algo no está bien",
    "problem_text": "Lo que envió no ha quedado registrado. Vuelva atrás e inténtelo de nuevo.",
}
LABELS: dict[Language, dict[str, str]] = {Language.EN: _ENGLISH, Language.ES: _SPANISH}
"""`LABELS[language]["deadline"]`: the same keys in every language; a test holds that."""
