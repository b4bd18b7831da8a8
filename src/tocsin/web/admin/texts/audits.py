"""The log of who changed what."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "audits_title": ("Audit log", "Журнал изменений"),
    "audits_said": (
        "Who changed what: by this console, by the API with a token, by commands on the server.",
        "Кто что изменил: в консоли, через API с токеном, командами на сервере.",
    ),
    "audits_when": ("When", "Когда"),
    "audits_who": ("Who", "Кто"),
    "audits_what": ("What", "Что"),
    "audits_details": ("Details", "Подробности"),
    "audits_section": ("Kind", "Раздел"),
    "audits_empty_title": ("Nothing was changed yet", "Изменений ещё не было"),
    "audits_empty_said": (
        "As soon as somebody changes something, it stands here.",
        "Как только кто-то что-то изменит, запись появится здесь.",
    ),
    "author_token": ("token", "токен"),
    "author_command": ("command", "команда"),
    "author_user": ("user", "пользователь"),
    "action_created": ("created", "создано"),
    "action_changed": ("changed", "изменено"),
    "action_removed": ("removed", "удалено"),
    "action_activated": ("switched on", "включено"),
    "action_deactivated": ("switched off", "выключено"),
    "action_logged_in": ("logged in", "вход"),
    "action_linked": ("made a link for", "создана ссылка для"),
    "action_merged": ("merged", "объединено"),
    "action_exported": ("exported", "выгружено"),
    "action_unsubscribed": ("unsubscribed", "отписано"),
    "action_suppressed": ("suppressed", "подавлено"),
    "action_lifted": ("lifted", "снято"),
    "action_paused": ("paused", "приостановлено"),
    "action_resumed": ("resumed", "возобновлено"),
    "action_cancelled": ("cancelled", "отменено"),
    "action_retried": ("tried again", "повторено"),
    "action_tested": ("tested", "проверено"),
    "action_replayed": ("replayed", "повторено"),
    "action_restored": ("restored", "восстановлено"),
    "action_launched": ("launched for", "запущено для"),
    "action_emptied": ("emptied", "очищено"),
}
