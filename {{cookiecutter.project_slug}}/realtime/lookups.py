"""Statements that are carried out so often that to build each anew would cost most of it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import Model, Q, QuerySet, Value

KEYS_AT_ONCE = 128

Row = TypeVar("Row", bound=Model)
Key = tuple[object, ...]


class Lookup(Generic[Row]):
    """Finds the rows of a queryset that have one of some keys, by SQL that Django builds once.

        memberships = Lookup(Membership.objects.select_related("user"), "room", "user")
        memberships([(7, 1), (7, 2)])

    Args:
        queryset: may lock rows and join others; no prefetches. With annotations it is asked itself.
        fields: of its model; a key has a value for each. None is found nowhere.
    """

    def __init__(self, queryset: QuerySet[Row], *fields: str) -> None:
        self._queryset = queryset
        self._fields: list[Any] = [queryset.model._meta.get_field(name) for name in fields]
        self._built: dict[int, Callable[[Sequence[Key]], list[Row]]] = {}  # by the number of keys

    def __call__(self, keys: Iterable[Key]) -> list[Row]:
        every = list(keys)
        if len(every) > KEYS_AT_ONCE:
            return self(every[:KEYS_AT_ONCE]) + self(every[KEYS_AT_ONCE:])
        if not every:
            return []
        size = 1 << (len(every) - 1).bit_length()  # few sizes: the last key comes again
        find = self._built.get(size) or self._built.setdefault(size, self._build(size))
        return find(every + every[-1:] * (size - len(every)))

    def _build(self, size: int) -> Callable[[Sequence[Key]], list[Row]]:
        if self._queryset.query.annotations:
            return lambda keys: list(self._filtered([key for key in keys if None not in key]))
        found = self._filtered(
            [tuple(Value((key, i)) for i in range(len(self._fields))) for key in range(size)]
        )
        compiler: Any = found.query.get_compiler(connection=connection)  # Any: Django's own
        sql, params = compiler.as_sql()  # which has the pairs of `Value` where values are to stand
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        read = _reader(compiler.klass_info, compiler.select)

        def value(database: Any, keys: Sequence[Key], key: int, i: int) -> Any:
            return self._fields[i].get_db_prep_value(keys[key][i], database)

        def find(keys: Sequence[Key]) -> list[Row]:
            database = connections[DEFAULT_DB_ALIAS]  # `connection` looks it up for each attribute
            with database.cursor() as cursor:
                values = [value(database, keys, *p) if isinstance(p, tuple) else p for p in params]
                cursor.execute(sql, values)
                return [*map(read, compiler.apply_converters(cursor.fetchall(), converters))]

        return find

    def _filtered(self, keys: Sequence[Key]) -> QuerySet[Row]:
        names = [field.name for field in self._fields]
        wanted = (Q(**dict(zip(names, key, strict=True))) for key in keys)
        return self._queryset.filter(Q(*wanted, _connector=Q.OR))


def _reader(about: Any, select: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
    """Makes of a row a model and those that it joins. Any: Django's own."""
    places, from_db = about["select_fields"], about["model"].from_db
    names = [select[place][0].target.attname for place in places]
    pk = places[names.index(about["model"]._meta.pk.attname)]
    others = about.get("related_klass_infos", ())
    joined = [(each["local_setter"], _reader(each, select)) for each in others]

    def read(row: Sequence[Any]) -> Any:
        if row[pk] is None:  # what a row might have joined
            return None
        found = from_db(connection.alias, names, [row[place] for place in places])
        for set_on, read_joined in joined:
            set_on(found, read_joined(row))
        return found

    return read


def insert(items: Sequence[Model]) -> None:
    """Insert new rows of a model as `bulk_create` does.

    Django does it itself where an item has a primary key, a value is an expression, or the model
    is one for which `_inserted_fields` has none.
    """
    if not items:
        return
    model, database = type(items[0]), connections[DEFAULT_DB_ALIAS]
    fields = _inserted_fields(model)
    for item in items:
        item._prepare_related_fields_for_save("insert")  # type: ignore[attr-defined]
    rows = [
        [field.get_db_prep_save(field.pre_save(item, True), database) for field in fields]
        for item in items
    ]
    has_keys = any(item.pk is not None for item in items)
    has_expressions = any(hasattr(value, "as_sql") for value in chain.from_iterable(rows))
    if not fields or has_keys or has_expressions:
        model._default_manager.bulk_create(items)
        return
    meta: Any = model._meta  # Any: a column is typed as one that may be none
    quote = database.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    into, pk = f"{quote(meta.db_table)} ({columns})", quote(meta.pk.column)
    place = f"({', '.join(['%s'] * len(fields))})"
    size = database.ops.bulk_batch_size(fields, items)
    with transaction.atomic(savepoint=False), database.cursor() as cursor:
        for start in range(0, len(items), size):
            some = rows[start : start + size]
            places = ", ".join([place] * len(some))
            sql = f"INSERT INTO {into} VALUES {places} RETURNING {pk}"  # noqa: S608
            cursor.execute(sql, [*chain.from_iterable(some)])
            for item, (key,) in zip(items[start : start + size], cursor.fetchall(), strict=True):
                item.pk, item._state.adding, item._state.db = key, False, database.alias


@cache
def _inserted_fields(model: type[Model]) -> list[Any]:  # Any: fields
    """The fields that `insert` writes: none for a model with parents, with fields that are
    generated or have placeholders, or of which the database gives more than keys."""
    meta = model._meta
    fields = [field for field in meta.local_concrete_fields if field is not meta.pk]
    special = any(field.generated or hasattr(field, "get_placeholder") for field in fields)
    returns = connection.features.can_return_rows_from_bulk_insert
    plain = not special and not meta.parents and meta.db_returning_fields == [meta.pk]
    return fields if plain and returns else []


def increase(model: type[Model], pks: Sequence[int], steps: Mapping[str, int]) -> None:
    """Add to fields of rows, as `update(name=F(name) + step)` does."""
    quote = connection.ops.quote_name
    places = ", ".join(["%s"] * len(pks))
    of_table: dict[Any, dict[str, int]] = defaultdict(dict)  # Any: a model's options
    for name, step in steps.items():
        field: Any = model._meta.get_field(name)  # Any: a column is typed as one that may be none
        of_table[field.model._meta][quote(field.column)] = step
    with connection.cursor() as cursor:
        for meta, added in of_table.items():
            table, pk = quote(meta.db_table), quote(meta.pk.column)
            sums = ", ".join(f"{column} = {column} + %s" for column in added)
            sql = f"UPDATE {table} SET {sums} WHERE {pk} IN ({places})"  # noqa: S608
            cursor.execute(sql, [*added.values(), *pks])
