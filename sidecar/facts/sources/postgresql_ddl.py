"""The change log of PostgreSQL: its tables and functions, and the triggers that write it."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.sql import identifier, literal, table_name
from sidecar.facts.sources.tables_ddl import create_tables, logged_tables, trigger_name
from sidecar.schema import Kind, Schema

CHANNEL = "sidecar"
"""The channel of the optional NOTIFY."""

_TYPES = {
    Kind.STRING: "text",
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.INSTANT: "timestamptz",
    Kind.EMAIL: "text",
    Kind.DOMAIN: "text",
    Kind.ENUM: "text",
    Kind.REFERENCE: "text",
    Kind.SET: "text[]",
}

_LOG = """\
-- The change log: what each transaction changed. Rows become visible with their transaction.
CREATE SCHEMA IF NOT EXISTS sidecar;
CREATE TABLE IF NOT EXISTS sidecar.log (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  type text NOT NULL,
  key text[]  -- NULL if any row may have changed
);
CREATE INDEX IF NOT EXISTS log_xid ON sidecar.log (xid);

-- Positions whose oldest transaction is below this one cannot be followed: the log lacks rows.
CREATE TABLE IF NOT EXISTS sidecar.pruned (below xid8 NOT NULL);
INSERT INTO sidecar.pruned
  SELECT pg_current_xact_id() WHERE NOT EXISTS (SELECT FROM sidecar.pruned);

-- Call it every hour: it forgets the changes of transactions that ended before `keep`, counted from
-- an earlier call. A sidecar that was away for longer reads all rows anew.
CREATE TABLE IF NOT EXISTS sidecar.horizon (
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  oldest xid8 NOT NULL
);
CREATE OR REPLACE FUNCTION sidecar.prune(keep interval DEFAULT '1 day') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bound xid8;
BEGIN
  SELECT oldest INTO bound FROM sidecar.horizon
    WHERE at <= clock_timestamp() - keep ORDER BY oldest DESC LIMIT 1;
  IF bound IS NOT NULL THEN
    UPDATE sidecar.pruned SET below = bound WHERE below < bound;
    DELETE FROM sidecar.log WHERE xid < bound;
    DELETE FROM sidecar.horizon WHERE oldest < bound;
  END IF;
  PERFORM sidecar.write_epoch();
  INSERT INTO sidecar.horizon (oldest) VALUES (pg_snapshot_xmin(pg_current_snapshot()));
END $$;

-- In which history transaction ids are counted: they can stand for other transactions after a
-- failover (another timeline), and after a crash (which resets the statistics). A replica has what
-- its primary has written here, unless it has been following another timeline since.
CREATE TABLE IF NOT EXISTS sidecar.history (
  epoch text PRIMARY KEY,
  since xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE OR REPLACE FUNCTION sidecar.epoch() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written text;
  timeline text;
BEGIN
  IF NOT pg_is_in_recovery() THEN
    RETURN (SELECT system_identifier FROM pg_control_system())
      || '-' || lower(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))
      || '-' || (SELECT coalesce(trunc(extract(epoch FROM stats_reset) * 1000000), 0)::bigint
                 FROM pg_stat_bgwriter);
  END IF;
  SELECT epoch INTO written FROM sidecar.history ORDER BY since DESC LIMIT 1;
  timeline := lpad(to_hex(greatest(
    (SELECT timeline_id FROM pg_control_checkpoint()),
    (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
    (SELECT received_tli FROM pg_stat_wal_receiver))), 8, '0');
  IF split_part(written, '-', 2) >= timeline THEN
    RETURN written;
  END IF;
  RETURN (SELECT system_identifier FROM pg_control_system()) || '-' || timeline || '-f';
END $$;
CREATE OR REPLACE FUNCTION sidecar.write_epoch() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present text := sidecar.epoch();
BEGIN
  IF NOT EXISTS (SELECT FROM sidecar.history WHERE epoch = present) THEN
    INSERT INTO sidecar.history (epoch) VALUES (present) ON CONFLICT DO NOTHING;
  END IF;
  RETURN present;
END $$;
DO $$ BEGIN PERFORM sidecar.write_epoch(); END $$;

-- For how many seconds a replica may have missed commits of its primary: since the last message of
-- the primary if all that it had written by then has been replayed, or else since the last commit.
CREATE OR REPLACE FUNCTION sidecar.lag() RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  complete timestamptz;
BEGIN
  IF NOT pg_is_in_recovery() THEN
    RETURN 0;
  END IF;
  SELECT least(last_msg_send_time, last_msg_receipt_time) INTO complete
    FROM pg_stat_wal_receiver
    WHERE status = 'streaming' AND latest_end_lsn <= pg_last_wal_replay_lsn();
  RETURN coalesce(extract(epoch FROM
    clock_timestamp() - coalesce(complete, pg_last_xact_replay_timestamp())), 'infinity');
END $$;

-- The shape of tables. A change of it can change rows without a trigger: a column, a trigger that
-- was switched off and on, a partition. `xmin` differs after each edit of a catalogue's row.
CREATE OR REPLACE FUNCTION sidecar.shape(tables text[]) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  ids oid[] := ARRAY(SELECT to_regclass(name)::oid FROM unnest(tables) AS names(name));
BEGIN
  RETURN (SELECT md5(concat(tables, ids, string_agg(part, ';' ORDER BY part))) FROM (
    SELECT concat_ws(' ', 'column', attrelid, attnum, attname, a.xmin::text)
      FROM pg_attribute a WHERE attrelid = ANY (ids) AND attnum > 0
    UNION ALL SELECT concat_ws(' ', 'trigger', tgrelid, tgname, tgenabled, t.xmin::text,
        (SELECT p.xmin::text FROM pg_proc p WHERE p.oid = tgfoid))
      FROM pg_trigger t WHERE tgrelid = ANY (ids)
    UNION ALL SELECT concat_ws(' ', 'partition', c.oid, c.relfilenode)
      FROM pg_class root, pg_partition_tree(root.oid) tree JOIN pg_class c ON c.oid = tree.relid
      WHERE root.oid = ANY (ids) AND root.relkind = 'p' AND tree.level > 0
  ) AS parts(part));
END $$;

-- The token of a writer, for `min_revision`: read it in the transaction that changes facts.
CREATE OR REPLACE FUNCTION sidecar.position() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'postgresql:' || sidecar.write_epoch() || ':' || pg_current_xact_id()
$$;
GRANT USAGE ON SCHEMA sidecar TO PUBLIC;

CREATE OR REPLACE FUNCTION sidecar.log_all() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO sidecar.log (type) VALUES (TG_ARGV[0]);
{notify}  RETURN NULL;
END $$;
"""

_FUNCTION = """\
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO sidecar.log (type, key) VALUES ({type}, {old});
  END IF;
  IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND {old} IS DISTINCT FROM {new}) THEN
    INSERT INTO sidecar.log (type, key) VALUES ({type}, {new});
  END IF;
{notify}  RETURN NULL;
END $$;
"""

_NOTIFY = f"  PERFORM pg_notify('{CHANNEL}', '');\n"
_ROW_EVENTS = "INSERT OR UPDATE OR DELETE"


def postgresql_ddl(
    schema: Schema, mapping: SourceMapping, reader: str = "", *, notify: bool = False
) -> str:
    """Return the statements that prepare a database; they can be repeated, but for the tables.

    Args:
        schema: The schema of the rows.
        mapping: The tables of its types.
        reader: The role of the sidecar, which may read what it needs; empty for none.
        notify: Whether the triggers wake sidecars that listen: sooner, at a lock for each commit.
    """
    nudge = _NOTIFY if notify else ""
    parts = [*create_tables(schema, mapping, _TYPES), "", _LOG.replace("{notify}", nudge)]
    for type_name, table, columns in logged_tables(mapping):
        parts.extend(_triggers(type_name, table, columns, nudge))
    if reader:
        parts.extend(_grants(mapping, identifier(reader)))
    return "\n".join(parts) + "\n"


def trigger_names(mapping: SourceMapping) -> Iterator[tuple[str, str]]:
    """Yield each table with the name of a trigger that it needs."""
    for type_name, table, _ in logged_tables(mapping):
        for event in ("change", "truncate"):
            yield table, trigger_name(type_name, table, event)


def _triggers(type_name: str, table: str, columns: tuple[str, ...], notify: str) -> Iterator[str]:
    everything = f"sidecar.log_all({literal(type_name)})"
    function, rows = everything, "STATEMENT"
    if columns:
        name = identifier(f"log_{type_name}_{table.rpartition('.')[2]}")
        yield _FUNCTION.format(
            function=f"sidecar.{name}",
            type=literal(type_name),
            old=_key("OLD", columns),
            new=_key("NEW", columns),
            notify=notify,
        )
        function, rows = f"sidecar.{name}()", "ROW"
    for event, events, each, call in (
        ("change", _ROW_EVENTS, rows, function),
        ("truncate", "TRUNCATE", "STATEMENT", everything),
    ):
        name, on = identifier(trigger_name(type_name, table, event)), table_name(table)
        # ALWAYS: replication and restores set a role in which other triggers do not fire.
        yield (
            f"DROP TRIGGER IF EXISTS {name} ON {on};\n"
            f"CREATE TRIGGER {name} AFTER {events} ON {on}\n"
            f"  FOR EACH {each} EXECUTE FUNCTION {call};\n"
            f"ALTER TABLE {on} ENABLE ALWAYS TRIGGER {name};\n"
        )


def _key(record: str, columns: tuple[str, ...]) -> str:
    return f"ARRAY[{', '.join(f'{record}.{identifier(name)}::text' for name in columns)}]"


def _grants(mapping: SourceMapping, reader: str) -> Iterator[str]:
    yield f"GRANT SELECT ON sidecar.log, sidecar.pruned TO {reader};"
    tables = {table for source in mapping.values() for table in source.follow}
    for table in sorted(tables):
        if "." in table:
            yield f"GRANT USAGE ON SCHEMA {identifier(table.partition('.')[0])} TO {reader};"
        yield f"GRANT SELECT ON {table_name(table)} TO {reader};"
