"""What `seed_demo` fills a new site with: two people, their rooms and what they said."""

from dataclasses import dataclass, field

# No secret: the command prints it.
PASSWORD = "demo-demo-demo"  # noqa: S105  # nosec B105
PEOPLE = {"ada": "Ada Lovelace", "grace": "Grace Hopper"}


@dataclass(frozen=True)
class Line:
    """One message.

    Args:
        minutes_ago: when it was said, counted back from the making of the demo.
        answers: the message that it replies to, as an index into the room's lines.
        reactions: each emoji with those who chose it.
        edited_to: what its author changed it to.
    """

    author: str
    minutes_ago: int
    body: str
    answers: int | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited_to: str = ""


@dataclass(frozen=True)
class DemoRoom:
    """A room, its maker, and its lines; the last `unread` of them nobody else has read."""

    name: str
    owner: str
    about: str
    kind: str
    lines: list[Line]
    unread: int = 0


ROOMS = [
    DemoRoom(
        name="General",
        owner="ada",
        about="Everything that everyone should know.",
        kind="public",
        lines=[
            Line("ada", 2900, "Welcome! This room is for all of us.", reactions={"🎉": ["grace"]}),
            Line("grace", 2894, "Thank you, it is good to be here 👋"),
            Line("ada", 2890, "Say what you are working on whenever you like, and ask anything."),
            Line("grace", 1510, "Good morning! I found a moth in the relay again."),
            Line("ada", 1506, "A real one?", answers=3),
            Line(
                "grace",
                1504,
                "A real one. I taped it into the log book.",
                reactions={"😂": ["ada"], "👀": ["ada"]},
            ),
            Line(
                "ada",
                1490,
                "We meet at ten tomorrow.",
                reactions={"👍": ["grace"]},
                edited_to="We meet at eleven tomorrow.",
            ),
            Line("grace", 75, "@ada will you show the new table of numbers?"),
            Line("ada", 71, "Yes, with pleasure. It goes up to the twentieth one.", answers=7),
            Line("grace", 70, "Then I will bring the long paper.", reactions={"❤️": ["ada"]}),
        ],
    ),
    DemoRoom(
        name="Random",
        owner="grace",
        about="Anything else.",
        kind="public",
        unread=1,
        lines=[
            Line("grace", 1620, "How long is a nanosecond? I cut one from wire: about 30 cm."),
            Line("ada", 1612, "May I have one for my desk?", answers=0),
            Line("grace", 1611, "There are a thousand in a microsecond. Take two."),
            Line("ada", 1609, "🙏", reactions={"😂": ["grace"]}),
            Line("grace", 34, "There is cake in the kitchen.\nIt will not be there for long."),
        ],
    ),
    DemoRoom(
        name="Engineering",
        owner="ada",
        about="How we build it. Only for those who are invited.",
        kind="private",
        unread=2,
        lines=[
            Line("ada", 1450, "The engine stops when a card is bent. Has anyone seen that before?"),
            Line("grace", 1441, "Last week. A card was in upside down.", answers=0),
            Line("ada", 1430, "It was. Thank you!", reactions={"✅": ["grace"]}),
            Line("grace", 1428, "I wrote it up, so that nobody looks for it a third time."),
            Line("ada", 52, "Next: words in place of numbers for the instructions."),
            Line("grace", 49, "People told me that computers cannot understand words."),
            Line("grace", 48, "@ada I have a compiler that runs. Have a look when you can?"),
        ],
    ),
]

DIRECT = [
    Line("grace", 180, "Are you coming to the lecture tonight?"),
    Line("ada", 176, "I am, and I saved you a seat.", answers=0, reactions={"❤️": ["grace"]}),
    Line("grace", 175, "See you at seven."),
]
