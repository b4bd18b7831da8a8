"""What the pages for recipients say, in the languages that they speak."""

from collections.abc import Mapping
from typing import Literal, get_args

Language = Literal["en", "ru"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

_TEXTS: Mapping[str, tuple[str, str]] = {
    "language": ("Русский", "English"),
    "unsubscribe_title": ("Unsubscribe", "Отписка"),
    "confirm_title": ("Confirm your subscription", "Подтвердите подписку"),
    "ask_one": ("Stop sending “{name}” to {address}?", "Больше не присылать «{name}» на {address}?"),
    "ask_own": ("Stop sending these messages to {address}?", "Больше не присылать такие письма на {address}?"),
    "ask_all": ("Stop sending anything to {address}?", "Больше ничего не присылать на {address}?"),
    "end_one": ("Unsubscribe", "Отписаться"),
    "end_all": ("Unsubscribe from everything", "Отписаться от всего"),
    "or_choose": ("Or choose what you want to receive", "Или выберите, что вы хотите получать"),
    "save": ("Save", "Сохранить"),
    "done_title": ("Done", "Готово"),
    "done_ended": ("Nothing more of this is sent to {address}:", "На {address} больше не будет приходить:"),
    "done_one": (
        "You are unsubscribed. Nothing more of this is sent to {address}.",
        "Вы отписались. На {address} такие письма больше не придут.",
    ),
    "done_saved": ("Your choice for {address} is saved.", "Ваш выбор для {address} сохранён."),
    "undo": ("Undo", "Отменить"),
    "undone": ("All is as it was before.", "Всё снова так, как было."),
    "unchanged": (
        "Nothing of this is sent to {address}; there is nothing to change.",
        "На {address} это и так не приходит: менять нечего.",
    ),
    "back": ("Back to your subscriptions", "К вашим подпискам"),
    "ask_confirm": ("Receive “{name}” at {address}?", "Получать «{name}» на {address}?"),
    "do_confirm": ("Yes, subscribe me", "Да, подписаться"),
    "not_you": (
        "If you did not ask for this, just close this page.",
        "Если вы этого не просили, просто закройте страницу.",
    ),
    "confirmed": ("You are subscribed. Thank you!", "Вы подписаны. Спасибо!"),
    "confirmed_before": ("You are subscribed already.", "Вы уже подписаны."),
    "gone_title": ("Nothing to do", "Делать нечего"),
    "gone": (
        "This address is not known here any more, so nothing is sent to it.",
        "Этот адрес здесь больше не известен, на него ничего не отправляется.",
    ),
    "confirm_gone": (
        "This subscription does not wait to be confirmed any more.",
        "Эта подписка больше не ждёт подтверждения.",
    ),
    "not_found_title": ("This link does not work", "Ссылка не работает"),
    "not_found": (
        "It is incomplete or too old. Please open it from the message once more.",
        "Она неполная или устарела. Откройте её из письма ещё раз.",
    ),
    "trouble_title": ("Please try again", "Попробуйте ещё раз"),
    "trouble": (
        "Something does not work right now, and nothing was changed. Please try again in a minute.",
        "Сейчас что-то не работает, ничего не изменено. Попробуйте ещё раз через минуту.",
    ),
}


def texts(language: Language) -> dict[str, str]:
    """Every text in one language."""
    return {name: said[LANGUAGES.index(language)] for name, said in _TEXTS.items()}


def choose_language(asked: str, accepted: str) -> Language:
    """The language of `?lang=`, or the one that Accept-Language likes best; else English."""
    if asked.lower() in LANGUAGES:
        return LANGUAGES[LANGUAGES.index(asked.lower())]
    liked: list[tuple[float, Language]] = []
    for part in accepted[:1000].split(","):
        tag, _, quality = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            liked.append((_weight(quality), LANGUAGES[LANGUAGES.index(language)]))
    return max(liked, key=lambda one: one[0])[1] if liked else "en"


def _weight(quality: str) -> float:
    try:
        return float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
    except ValueError:
        return 0.0
