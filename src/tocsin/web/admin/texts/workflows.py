"""Scenarios as a whole: lists, new ones, the page around the graph."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "workflows_title": ("Scenarios", "Сценарии"),
    "workflows_said": (
        "What happens to profiles step by step: messages, waits, decisions. Numbers are of now and of all time.",
        "Что происходит с профилями шаг за шагом: письма, паузы, условия. Числа: сейчас и за всё время.",
    ),
    "workflows_new": ("New scenario", "Новый сценарий"),
    "workflows_name": ("Name", "Название"),
    "workflows_database": ("Database", "База данных"),
    "workflows_state": ("State", "Состояние"),
    "workflows_inside": ("Inside now", "Сейчас внутри"),
    "workflows_entered": ("Entered", "Вошли"),
    "workflows_finished": ("Finished", "Завершили"),
    "workflows_actions": ("Actions", "Действия"),
    "workflows_on": ("on", "включён"),
    "workflows_off": ("off", "выключен"),
    "workflows_activate": ("Switch on", "Включить"),
    "workflows_activate_one": ("Switch on {of}", "Включить «{of}»"),
    "workflows_activate_with": (
        "Switch on with {n} inside|Switch on with {n} inside",
        "Включить, {n} внутри|Включить, {n} внутри|Включить, {n} внутри",
    ),
    "workflows_deactivate": ("Switch off", "Выключить"),
    "workflows_deactivate_one": ("Switch off {of}", "Выключить «{of}»"),
    "workflows_empty": ("Empty and switch on", "Опустошить и включить"),
    "workflows_empty_confirm": (
        "{n} profile will be thrown out. Go on?|{n} profiles will be thrown out. Go on?",
        (
            "Сценарий покинет {n} профиль. Продолжить?|Сценарий покинут {n} профиля. Продолжить?|"
            "Сценарий покинут {n} профилей. Продолжить?"
        ),
    ),
    "workflows_clone": ("Clone", "Копировать"),
    "workflows_clone_one": ("Clone {of}", "Копировать «{of}»"),
    "workflows_remove_one": ("Delete {of}", "Удалить «{of}»"),
    "workflows_copy_of": ("{of} (copy)", "{of} (копия)"),
    "said_workflows_created": (
        "The scenario is there, switched off. Look at its nodes, then switch it on.",
        "Сценарий создан и пока выключен. Проверьте его шаги и включите.",
    ),
    "said_workflows_cloned": ("This is the copy. It is switched off.", "Это копия. Она выключена."),
    "said_workflows_activated": ("It is switched on.", "Сценарий включён."),
    "said_workflows_deactivated": (
        "It is switched off: nobody enters, and those inside stay where they are.",
        "Сценарий выключен: никто не входит, все внутри остаются на своих местах.",
    ),
    "said_workflows_inserted": ("The node is in its place.", "Шаг добавлен."),
    "workflows_first": ("Your first scenario", "Ваш первый сценарий"),
    "workflows_first_said": (
        "Begin with a graph that works as it is, and change it in place. It is switched off until you switch it on.",
        "Начните с готовой схемы, которая уже работает, и измените её на месте. Пока вы её не включите, она выключена.",
    ),
    "workflows_new_trigger": ("Sends by the trigger", "Отправляет триггером"),
    "workflows_new_name": ("Name, if another one", "Название, если другое"),
    "workflows_new_hint": (
        "Every message is sent by this trigger at first; each can have its own later. The database is the trigger's.",
        "Сначала все письма отправляет этот триггер, потом у каждого может быть свой. База та же, что у триггера.",
    ),
    "workflows_choose_trigger": ("Choose a trigger.", "Выберите триггер."),
    "workflows_no_triggers": ("A scenario sends by triggers", "Сценарий отправляет триггерами"),
    "workflows_no_triggers_said": (
        "Make a trigger first: it says what is sent and to which database.",
        "Сначала создайте триггер: он определяет, что и по какой базе отправлять.",
    ),
    "workflows_begin": ("Begin with this", "Начать с этой"),
    "workflows_starter_welcome": ("Welcome series", "Приветственная серия"),
    "workflows_starter_welcome_said": (
        "Whoever subscribes gets a welcome, a second try if it is not opened in three days, and a tip four days later.",
        "Подписчик получает приветствие, повтор, если не открыл за три дня, и ещё через четыре дня полезное письмо.",
    ),
    "workflows_starter_welcome_steps": (
        "subscribes → message → opened? → 4 days → message",
        "подписка → письмо → открыто? → 4 дня → письмо",
    ),
    "workflows_starter_cart": ("Abandoned cart", "Брошенная корзина"),
    "workflows_starter_cart_said": (
        "Your shop launches it with the cart. After an hour comes a reminder; for a large cart, another at ten.",
        "Магазин запускает его с корзиной. Через час приходит напоминание; для большой корзины ещё одно в десять.",
    ),
    "workflows_starter_cart_steps": (
        "API call → 1 hour → message → clicked? → total ≥ 50? → message",
        "вызов API → 1 час → письмо → клик? → сумма ≥ 50? → письмо",
    ),
    "workflows_starter_reactivation": ("Re-activation", "Возвращение клиентов"),
    "workflows_starter_reactivation_said": (
        "For those gone quiet: a message on a working morning; of those who do not open it, half get a last try.",
        "Для тех, кто давно молчит: письмо утром буднего дня; половине не открывших приходит последняя попытка.",
    ),
    "workflows_starter_reactivation_steps": (
        "API call → working morning → message → opened in 7 days? → half: message",
        "вызов API → утро буднего дня → письмо → открыто за 7 дней? → половина: письмо",
    ),
    "workflows_starter_short": ("Just a message", "Одно письмо"),
    "workflows_starter_short_said": (
        "A start, a message and an end, to build on by “+”.",
        "Вход, письмо и конец; остальное добавите кнопкой «+».",
    ),
    "workflows_starter_short_steps": ("API call → message", "вызов API → письмо"),
    "workflows_begun_welcome": ("Welcome", "Приветствие"),
    "workflows_begun_opened": ("Opened?", "Открыто?"),
    "workflows_begun_again": ("A second try", "Повтор"),
    "workflows_begun_pause": ("A few days later", "Через несколько дней"),
    "workflows_begun_tip": ("A tip", "Полезное письмо"),
    "workflows_begun_hour": ("An hour", "Час"),
    "workflows_begun_reminder": ("Reminder", "Напоминание"),
    "workflows_begun_clicked": ("Clicked?", "Был клик?"),
    "workflows_begun_large": ("A large cart?", "Большая корзина?"),
    "workflows_begun_morning": ("In the morning", "Утром"),
    "workflows_begun_last_call": ("Last call", "Последнее напоминание"),
    "workflows_begun_miss_you": ("We miss you", "Мы скучаем"),
    "workflows_begun_back": ("Back?", "Вернулся?"),
    "workflows_begun_halves": ("Half of them", "Половина"),
    "workflows_begun_last_try": ("A last try", "Последняя попытка"),
    "workflows_begun_message": ("Message", "Письмо"),
    "workflows_now_inside": ("inside now", "сейчас внутри"),
    "workflows_have_entered": ("entered", "вошли"),
    "workflows_have_finished": ("finished", "завершили"),
    "workflows_graph": ("Graph of the scenario", "Схема сценария"),
    "workflows_panel": ("Details", "Подробности"),
    "workflows_as_list": ("The nodes as a list", "Шаги списком"),
    "workflows_node": ("Node", "Шаг"),
    "workflows_does": ("Does", "Действие"),
    "workflows_through": ("Gone through", "Прошли"),
    "workflows_leads_to": ("Leads to", "Ведёт к"),
    "workflows_about": ("This scenario", "О сценарии"),
    "workflows_database_hint": ("Cannot change while profiles are inside.", "Не меняется, пока внутри есть профили."),
    "workflows_how": (
        "Click a node to see and change it; “+” on a way adds one there.",
        "Нажмите на шаг, чтобы увидеть и изменить его; «+» на пути добавит новый.",
    ),
    "workflows_reentry": ("A profile that enters again", "Повторный вход профиля"),
    "workflows_reentry_while_inside_ignored": (
        "enters only when it is not inside",
        "входит, только если сейчас не внутри",
    ),
    "workflows_reentry_once_ever": ("never enters a second time", "второй раз не входит никогда"),
    "workflows_reentry_restart": ("begins at the start again", "начинает сначала"),
    "workflows_reentry_separate": ("goes through once more beside", "идёт ещё раз, независимо от первого"),
    "workflows_versions": ("Versions", "Версии"),
    "workflows_changed_meanwhile": (
        (
            "Somebody has changed this scenario in the meantime. Nothing of yours is saved yet: what you typed is "
            "below, beside the graph as it is now. Save again if it still fits."
        ),
        (
            "Пока вы правили, сценарий кто-то изменил. Ваше ещё не сохранено: введённое осталось ниже, а схема уже "
            "новая. Сохраните ещё раз, если это по-прежнему верно."
        ),
    ),
    "workflows_remove_of": ("Remove “{of}”?", "Удалить «{of}»?"),
    "workflows_remove_said": (
        "The scenario goes, and everybody inside leaves it. Its versions and its history stay.",
        "Сценарий исчезнет, все внутри его покинут. Версии и история останутся.",
    ),
    "workflows_thrown_out": (
        "{n} profile is there now and will be thrown out.|{n} profiles are there now and will be thrown out.",
        (
            "Сейчас там {n} профиль, он покинет сценарий.|Сейчас там {n} профиля, они покинут сценарий.|"
            "Сейчас там {n} профилей, они покинут сценарий."
        ),
    ),
    "workflows_nobody_thrown_out": ("Nobody is there now.", "Сейчас там никого нет."),
    "workflows_restore": ("Restore version {n}?", "Восстановить версию {n}?"),
    "workflows_restore_said": (
        "Name, rule of entering again and nodes become those of that version. Whether it is switched on stays.",
        "Название, правило повторного входа и шаги станут такими, как в той версии. Включён ли сценарий, не меняется.",
    ),
    "workflows_restore_button": ("Restore", "Восстановить"),
    "workflows_change_added": ("added", "добавлено"),
    "workflows_change_changed": ("changed", "изменено"),
    "workflows_change_removed": ("removed", "удалено"),
    "workflows_drawn": ("The graph, from version {old} to {new}", "Схема: от версии {old} к версии {new}"),
    "workflows_drawn_first": ("The graph of version {new}", "Схема версии {new}"),
    "workflows_same_graph": ("The nodes are the same in both.", "Шаги в обеих версиях одинаковы."),
    "workflows_trace": ("Find a profile in it", "Найти профиль в сценарии"),
    "workflows_trace_hint": ("Email address, phone number or profile id", "Email, телефон или id профиля"),
    "workflows_trace_title": ("A profile's way", "Путь профиля"),
    "workflows_trace_unknown": ("There is no such profile in this database.", "Такого профиля в этой базе нет."),
    "workflows_trace_never": ("It has never entered.", "Профиль никогда сюда не входил."),
    "workflows_trace_gone": (
        "It has entered, but nothing of that is kept any more.",
        "Профиль входил, но подробности уже не хранятся.",
    ),
    "workflows_trace_cut": ("Only the latest steps are shown.", "Показаны только последние шаги."),
    "workflows_passage": ("Passage {n} of {of}", "Проход {n} из {of}"),
    "workflows_gone": ("no longer there", "шага больше нет"),
    "workflows_is_here": ("is here now", "сейчас здесь"),
    "workflows_over": ("came to its end", "путь завершён"),
    "workflows_taken_out": (
        "left at “{at}”: it began anew, or the scenario was changed or emptied",
        "вышел на шаге «{at}»: начал заново, либо сценарий изменили или опустошили",
    ),
}
