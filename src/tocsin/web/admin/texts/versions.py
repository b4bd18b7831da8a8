"""What configured objects were at other times."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "versions_drawn": ("See the changes in the graph", "Показать изменения на схеме"),
    "versions_title": ("Versions", "Версии"),
    "versions_said": (
        "Every state that this has had, and who made it. Nothing is lost by restoring one: it becomes a new version.",
        "Все состояния объекта и кто их сохранил. Восстановление ничего не теряет: появляется новая версия.",
    ),
    "versions_version": ("Version", "Версия"),
    "versions_when": ("When", "Когда"),
    "versions_who": ("Who", "Кто"),
    "versions_what": ("What changed", "Что изменено"),
    "versions_now": ("present", "текущая"),
    "versions_created": ("created", "создано"),
    "versions_removed": ("removed", "удалено"),
    "versions_show": ("Show changes", "Показать изменения"),
    "versions_show_of": ("Show changes of version {n}", "Показать изменения версии {n}"),
    "versions_restore": ("Restore", "Восстановить"),
    "versions_restore_of": ("Restore version {n}", "Восстановить версию {n}"),
    "versions_between": ("From version {old} to {new}", "От версии {old} к версии {new}"),
    "versions_beginning": ("Version {new}", "Версия {new}"),
    "versions_from": ("From", "От"),
    "versions_to": ("To", "К"),
    "versions_compare": ("Compare", "Сравнить"),
    "versions_same": (
        "These two say the same. If a secret was changed, only its name is listed.",
        "Эти версии совпадают. Если изменён секрет, в списке указано только его имя.",
    ),
    "versions_cut": (
        "There are more differences than fit here.",
        "Различий больше, чем здесь помещается.",
    ),
    "versions_gap": ("the same lines", "одинаковые строки"),
    "versions_added": ("added", "добавлено"),
    "versions_taken": ("removed", "убрано"),
    "versions_restoring": (
        "The form is filled with version {n}. Look it over and save it.",
        "Форма заполнена версией {n}. Проверьте и сохраните.",
    ),
    "versions_earlier": ("Older versions", "Более ранние версии"),
    "versions_latest": ("Latest versions", "Последние версии"),
}
