"""The frame around every page: the ways, the buttons that all have, and what is said when something does not work."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "product": ("Tocsin", "Tocsin"),
    "skip_to_content": ("Skip to content", "К содержанию"),
    "menu": ("Menu", "Меню"),
    "nav_overview": ("Overview", "Обзор"),
    "nav_messages": ("Messages", "Сообщения"),
    "nav_inbox": ("Inbox", "Входящие"),
    "nav_launches": ("Launches", "Запуски"),
    "nav_profiles": ("Profiles", "Профили"),
    "nav_triggers": ("Triggers", "Триггеры"),
    "nav_templates": ("Templates", "Шаблоны"),
    "nav_workflows": ("Scenarios", "Сценарии"),
    "nav_settings": ("Settings", "Настройки"),
    "nav_users": ("Users", "Пользователи"),
    "nav_audits": ("Audit log", "Журнал изменений"),
    "account": ("Your account", "Ваша учётная запись"),
    "log_out": ("Log out", "Выйти"),
    "theme_toggle": ("Light or dark", "Светлая или тёмная тема"),
    "save": ("Save", "Сохранить"),
    "cancel": ("Cancel", "Отмена"),
    "back": ("Back", "Назад"),
    "edit": ("Edit", "Изменить"),
    "delete": ("Delete", "Удалить"),
    "add": ("Add", "Добавить"),
    "search": ("Search", "Найти"),
    "filter": ("Filter", "Отобрать"),
    "clear": ("Clear", "Сбросить"),
    "yes": ("Yes", "Да"),
    "no": ("No", "Нет"),
    "none": ("None", "Нет"),
    "any": ("Any", "Любой"),
    "older": ("Older", "Старше"),
    "next_page": ("Next", "Дальше"),
    "first_page": ("First page", "В начало"),
    "said_saved": ("Saved.", "Сохранено."),
    "said_removed": ("Removed.", "Удалено."),
    "optional": ("optional", "необязательно"),
    "form_has_mistakes": ("Please look at what is marked below.", "Посмотрите на отмеченное ниже."),
    "not_found_title": ("There is no such page", "Такой страницы нет"),
    "not_found_said": (
        "What you look for may have been removed, or the address is incomplete.",
        "Возможно, это удалено или адрес неполон.",
    ),
    "not_allowed_title": ("You may not do this", "Этого вам нельзя"),
    "not_allowed_said": (
        "Your role does not allow it. An owner can change roles under Users.",
        "Ваша роль этого не позволяет. Владелец может изменить роли в разделе «Пользователи».",
    ),
    "stale_title": ("This form is too old", "Форма устарела"),
    "stale_said": (
        "You were logged out, or it came from another page. Go back, reload, and try again. Nothing was changed.",
        (
            "Вы вышли из системы, или она пришла с другой страницы. Вернитесь, обновите страницу и повторите. "
            "Ничего не изменено."
        ),
    ),
    "conflict_title": ("Not saved", "Не сохранено"),
    "invalid_title": ("Something is not right", "Что-то не так"),
    "busy_title": ("Too many attempts", "Слишком много попыток"),
    "trouble_title": ("Please try again", "Попробуйте ещё раз"),
    "trouble_said": (
        "Something does not work right now, and nothing was changed. The log of the server has the cause.",
        "Сейчас что-то не работает, ничего не изменено. Причина есть в журнале сервера.",
    ),
    "to_overview": ("To the overview", "К обзору"),
    "managed_by_file": (
        "{file} manages this. What you change here holds until that file is applied again.",
        "Этим управляет {file}. Изменения здесь действуют, пока файл не применят снова.",
    ),
}
