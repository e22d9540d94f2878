"""Where `CHECK_EVENTS` is set, while one develops and in tests, no event breaks the contract."""

from msgspec import Struct, ValidationError, json, to_builtins

from realtime.contract.kinds import kinds

UNDECLARED = {"heartbeat", "left"}
"""Events of every topic."""


class BrokenContract(Exception):
    """An event is not declared, or its data is not of the type that was declared."""


class _Frame(Struct):
    data: object


def check_event(topic: str, type: str, text: str) -> None:
    """Compare an event with what the consumers of its kind of topic declare.

    A topic that no route serves is of no concern here.

    Raises:
        BrokenContract: the text says what to do.
    """
    prefix = topic.partition(":")[0]
    serving = [kind for kind in kinds() if kind.prefix == prefix]
    if type in UNDECLARED or not serving:
        return
    names = " or ".join(kind.consumer.__name__ for kind in serving)
    declared = [kind.events[type] for kind in serving if type in kind.events]
    if not declared:
        raise BrokenContract(
            f"{topic} got an event {type} that its consumer does not declare: add "
            f'"{type}" with the type of its data to the `events` of {names}.'
        )
    data = json.decode(text, type=_Frame).data
    faults = []
    for data_type in declared:
        try:
            if to_builtins(json.decode(json.encode(data), type=data_type), str_keys=True) == data:
                return
            faults.append("it has keys or forms that the type does not have")
        except ValidationError as error:
            faults.append(str(error))
    raise BrokenContract(
        f"The data of {type} on {topic} is not what {names} declares: {'; '.join(faults)}. "
        "Correct the type in `events`, or what is sent."
    )
