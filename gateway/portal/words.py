"""What the portal says when it does not put something on record, in the client's language."""

from domain.incident import Act, Stage, acts_at
from domain.ladder import Condition
from domain.parties import Language
from templates.words import WORDS

SENTENCES = {
    Language.EN: {
        "refused": "Not possible now",
        "stage": "The incident is at this stage: {stage}.",
        "allowed": "You can send this now: {acts}.",
        "nothing": "There is nothing to send at this stage.",
        "unmet": "These conditions are not accepted yet: {conditions}.",
        "unclear": "This cannot be taken",
        "answer_missing": (
            'You chose messages to discard. Choose "{answer}" as well, or they are not discarded.'
        ),
        "never_held": "These are not among the messages held: {things}.",
        "too_long": "The note has more than {most} characters.",
        "reason_missing": "Please write why; without that nobody can look into it.",
        "unknown_field": "The form has a value that it does not offer: {value}.",
        "away": "Not possible for a moment",
        "try_again": "Our system does not answer. Please send the same again in a few minutes.",
    },
    Language.ES: {
        "refused": "Ahora no es posible",
        "stage": "La incidencia está en esta fase: {stage}.",
        "allowed": "Ahora puede enviar: {acts}.",
        "nothing": "En esta fase no hay nada que enviar.",
        "unmet": "Faltan por aceptar estas condiciones: {conditions}.",
        "unclear": "No se puede registrar",
        "answer_missing": (
            "Ha elegido mensajes para descartar. Elija también «{answer}»; si no, no se descartan."
        ),
        "never_held": "Esto no está entre los mensajes retenidos: {things}.",
        "too_long": "La nota tiene más de {most} caracteres.",
        "reason_missing": "Escriba el motivo; sin él nadie puede comprobarlo.",
        "unknown_field": "El formulario tiene un valor que no ofrece: {value}.",
        "away": "No es posible por el momento",
        "try_again": (
            "Nuestro sistema no responde. Envíe lo mismo de nuevo dentro de unos minutos."
        ),
    },
}


_BUTTONS = {
    Act.ACKNOWLEDGE: "read",
    Act.FIXED: "fixed",
    Act.CONTEST: "contest",
    Act.KEPT_MAIL: "kept_mail",
    Act.DISPUTE: "dispute",
}
"""The portal's acts, and the label of each."""


def say(language: Language, sentence: str, **values: object) -> str:
    return SENTENCES[language][sentence].format(**values)


def refusal(language: Language, stage: Stage, unmet: tuple[Condition, ...]) -> str:
    """Where the incident stands, and what its client may do there."""
    words = WORDS[language]
    names = {act: words["label"][name] for act, name in _BUTTONS.items()}
    parts = [say(language, "stage", stage=words["stage"][stage])]
    if unmet:
        conditions = "; ".join(words["condition"][condition] for condition in unmet)
        parts.append(say(language, "unmet", conditions=conditions))
    acts = "; ".join(names[act] for act in acts_at(stage) if act in names)
    parts.append(say(language, "allowed", acts=acts) if acts else say(language, "nothing"))
    return " ".join(parts)
