"""The verbs: only these write rows. Each returns the data of what it changed."""

from realtime.starting.boards.models import Board, Card


def add(board: Board, client_id: str, title: str) -> object:
    """Add one; of a retry, which has the same `client_id`, the first counts."""
    new = Card(
        board=board,
        client_id=client_id,
        title=title,
    )
    with board.changing() as changes:
        card, created = changes.get_or_add(new)
        return board.publish("card.created", card) if created else card.as_data()


def rename(board: Board, seq: int, title: str) -> object:
    with board.changing() as changes:
        card = changes.get(Card, seq=seq)
        card.title = title
        changes.save(card, fields=["title"])
        return board.publish("card.updated", card)


def delete(board: Board, seq: int) -> object:
    with board.changing() as changes:
        card = changes.get(Card, seq=seq)
        gone = changes.delete(card)
        return board.publish("card.deleted", card) if gone else card.as_data()
