# SPDX-License-Identifier: Apache-2.0
"""Every PostgreSQL type with its odd values: what the rows of src/connectors/postgres/TYPES.md are tested with.

A case is a column type, as DDL writes it, and literals as SQL expressions. Values that a file cannot say stand apart."""

SETUP = """
CREATE SCHEMA IF NOT EXISTS "Odd.Types";
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TYPE mood AS ENUM ('sad', 'so so', 'it''s "fine", yes', E'tab\\tand\\\\', '', '😀');
CREATE TYPE "Odd.Types"."An ""enum"" x" AS ENUM ('a', 'B', 'NULL', '{}');
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN small_posint AS posint CHECK (VALUE < 1000);
CREATE DOMAIN ints AS int[] CHECK (array_length(VALUE, 1) < 10);
CREATE DOMAIN price AS numeric(12,2);
CREATE DOMAIN word AS text NOT NULL DEFAULT 'none';
CREATE TYPE pair AS (a int, "b c" text);
CREATE TYPE nested AS (p pair, many int[], m mood);
CREATE DOMAIN good_pair AS pair CHECK ((VALUE).a IS DISTINCT FROM 0);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C");
"""

ODD_TEXTS = ["''", "' '", "E'tab\\tline\\ncr\\rback\\\\slash'", "E'\\x01\\x02\\x1f\\x7f'", "'\"quoted\", ''single'''", "'NULL'",
             "'\\N'", "E'\\\\\\\\N'", "'😀 é ß 漢字 \u202e\ufeff'", "repeat('x', 100000)", "E'\\\\.'", "E'\\r\\n'", "','", "'\"'",
             "E'trailing \\n'", "'🏳️‍🌈'", "chr(1114111)", "'$1 %s {}'"]

TYPES = {
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "numeric": ["'NaN'", "'Infinity'", "'-Infinity'", "0", "-0.000000000000000000000000000001", "repeat('9', 1000)::numeric",
                "('0.' || repeat('7', 1000))::numeric", "1e400::numeric", "10000", "0.1000", "1e-16383::numeric",
                "repeat('9', 131072)::numeric"],
    "numeric(12,2)": ["9999999999.99", "-0.01", "0"],
    "numeric(38,10)": ["9999999999999999999999999999.9999999999", "-0.0000000001"],
    "numeric(1000,500)": ["(repeat('9', 500) || '.' || repeat('1', 500))::numeric", "'NaN'"],
    "numeric(5,-2)": ["1234500", "-100"],
    "numeric(3,5)": ["0.00999", "-0.00001"],
    "real": ["'NaN'", "'Infinity'", "'-Infinity'", "1.17549435e-38", "3.4028235e38", "'-0'", "0.1", "1e-45", "16777217"],
    "double precision": ["'NaN'", "'Infinity'", "'-Infinity'", "2.2250738585072014e-308", "1.7976931348623157e308", "0.1",
                         "5e-324", "'-0'", "1e15", "123456789012345680"],
    "money": ["'12.34'", "'-92233720368547758.08'", "'92233720368547758.07'", "'0'"],
    "boolean": ["true", "false"],
    "text": ODD_TEXTS,
    "character varying": ["''", "'any'"],
    "character varying(10)": ["'abc'", "''", "'  x  '", "'漢字😀'"],
    "character(5)": ["'ab'", "''", "'  x'"],
    "\"char\"": ["'a'", "''", "'\\377'"],
    "name": ["'a name'", "repeat('é', 31)"],
    "bytea": ["''", "'\\x00ff5c2c0a22'", "decode(repeat('00ff', 50000), 'hex')",
              "(SELECT decode(string_agg(lpad(to_hex(g), 2, '0'), '' ORDER BY g), 'hex') FROM generate_series(0, 255) g)"],
    "date": ["'4714-11-24 BC'", "'5874897-12-31'", "'2024-02-29'", "'0001-01-01'", "'0001-12-31 BC'", "'1969-12-31'"],
    "time without time zone": ["'00:00:00'", "'23:59:59.999999'", "'12:00:00.1'"],
    "time(0) without time zone": ["'23:59:59'"],
    "time with time zone": ["'00:00:00+15:59'", "'23:59:59.999999-15:59'", "'12:00:00+05:30:30'", "'24:00:00+00'"],
    "timestamp without time zone": ["'4714-11-24 00:00:00 BC'", "'294246-12-31 23:59:59.999999'", "'2024-01-01 00:00:00.000001'",
                                    "'0001-12-31 23:59:59.5 BC'", "'1969-12-31 23:59:59.999999'"],
    "timestamp(0) without time zone": ["'2024-01-01 12:34:56'"],
    "timestamp(3) without time zone": ["'2024-01-01 12:34:56.789'"],
    "timestamp with time zone": ["'4714-11-24 00:00:00+00 BC'", "'294246-12-31 23:59:59.999999+00'",
                                 "'2024-07-01 12:00:00+05:45'", "'2024-03-31 01:30:00+00'"],
    "interval": ["'1 year -2 mons +3 days -04:05:06.789'", "'178000000 years'", "'-178000000 years'", "'0'",
                 "'-1 day +23:59:59.999999'", "'2147483647 days'"],
    "interval year to month": ["'3 years 2 mons'"],
    "bit(5)": ["B'10101'", "B'00000'"],
    "bit(1)": ["B'1'", "B'0'"],
    "bit varying": ["B''", "B'1'", "repeat('10', 500)::varbit"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "json": ["'{\"a\": [1, 2,   {\"b\": null}], \"a\": 1}'", "'null'", "'\"\\u00e9\\u0000\\ud83d\\ude00\"'", "E'{\\n\\t\"x\" : 1e999 }'"],
    "jsonb": ["'{\"a\": [1, 2.50, {\"b\": null}]}'", "'[]'", "'1e1000'", "'\"x\\ny\\\"\\\\\"'", "'{\"\": \"\\u0001\"}'"],
    "jsonpath": ["'$.a[*] ? (@.b > 1)'", "'strict $.\"x y\"'"],
    "xml": ["'<a b=\"c\">d &amp; e</a>'", "''", "'two <b/> roots'", "'<?xml version=\"1.0\"?><a/>'"],
    "inet": ["'192.168.1.5/24'", "'::1'", "'10.0.0.1'", "'::ffff:1.2.3.4/128'"],
    "cidr": ["'10.0.0.0/8'", "'2001:db8::/32'", "'0.0.0.0/0'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "tsvector": ["'a:1A fat:2B,4C cat:5'", "''", "$$'it''s' '\\\\b'$$"],
    "tsquery": ["'fat & (rat | !cat)'", "''", "'a <2> b:*'"],
    "point": ["'(1.5,-2.25)'", "'(NaN,Infinity)'", "'(5e-324,-0)'"],
    "line": ["'{1,2,3}'"],
    "lseg": ["'[(0,0),(1,1)]'"],
    "box": ["'(2,2),(0,0)'"],
    "path": ["'[(0,0),(1,1),(2,0)]'", "'((0,0),(1,1))'"],
    "polygon": ["'((0,0),(1,1),(2,0))'"],
    "circle": ["'<(1,2),3>'"],
    "pg_lsn": ["'16/B374D848'", "'0/0'", "'FFFFFFFF/FFFFFFFF'"],
    "oid": ["4294967295", "0"],
    "xid": ["'4294967295'"],
    "xid8": ["'18446744073709551615'"],
    "cid": ["'7'"],
    "tid": ["'(4294967295,65535)'"],
    "int2vector": ["'1 2 3'", "''"],
    "oidvector": ["'1 4294967295'"],
    "pg_snapshot": ["'10:20:10,14,15'"],
    "txid_snapshot": ["'10:20:10,14,15'"],
    "aclitem": ["'postgres=r/postgres'"],
    "refcursor": ["'a cursor'"],
    "regclass": ["'pg_catalog.pg_class'"],
    "regtype": ["'integer'", "'public.pair'"],
    "regproc": ["'pg_catalog.now'"],
    "regprocedure": ["'pg_catalog.abs(integer)'"],
    "regoper": ["'pg_catalog.||/'"],
    "regoperator": ["'pg_catalog.+(integer,integer)'"],
    "regcollation": ["'\"C\"'"],
    "regconfig": ["'english'"],
    "regdictionary": ["'simple'"],
    "regnamespace": ["'pg_catalog'", "'\"Odd.Types\"'"],
    "regrole": ["'postgres'"],
    "int4range": ["'empty'", "'[1,10)'", "'(,)'", "'[5,)'"],
    "int8range": ["'[-9223372036854775808,9223372036854775807)'"],
    "numrange": ["'[1.5,2.5]'", "'(,3)'", "'[NaN,NaN]'"],
    "tsrange": ["'[-infinity,infinity)'", "'empty'"],
    "tstzrange": ["'[2024-01-01 00:00+00,infinity)'", "'(,)'"],
    "daterange": ["'[2024-01-01,2024-02-01)'", "'[4714-11-24 BC,infinity)'"],
    "int4multirange": ["'{}'", "'{[1,3),[5,9)}'", "'{(,)}'"],
    "int8multirange": ["'{[1,3)}'"],
    "nummultirange": ["'{[1.5,2],(3,)}'"],
    "tsmultirange": ["'{[2024-01-01,2024-02-01)}'"],
    "tstzmultirange": ["'{[2024-01-01 00:00+00,2024-02-01 00:00+00)}'"],
    "datemultirange": ["'{[2024-01-01,2024-02-01)}'"],
    "floatrange": ["'[1.5,2.5)'"],
    "floatmultirange": ["'{[1.5,2.5),[3,)}'"],
    "textrange": ["'[\"a b\",\"c,\\\"d\")'", "'[,\"\"]'"],
    "mood": ["'sad'", "'it''s \"fine\", yes'", "E'tab\\tand\\\\'", "''", "'😀'"],
    "\"Odd.Types\".\"An \"\"enum\"\" x\"": ["'a'", "'NULL'", "'{}'"],
    "posint": ["1", "2147483647"],
    "small_posint": ["999"],
    "ints": ["'{1,NULL,3}'", "'{}'"],
    "price": ["12.30", "-9999999999.99"],
    "word": ["'x'", "''"],
    "pair": ["ROW(1, 'x, \"y\"')", "ROW(NULL, '')", "ROW(NULL, NULL)", "ROW(3, E'tab\\t\\\\)(')"],
    "nested": ["ROW(ROW(1, 'a'), ARRAY[1, NULL, 3], 'sad')", "ROW(NULL, NULL, NULL)"],
    "good_pair": ["ROW(1, NULL)"],
    "hstore": ["'a=>1, \"b c\"=>NULL, \"q\\\"\"=>\"=>\"'", "''"],
    "citext": ["'MiXed'", "''"],
    "ltree": ["'Top.Science.Astronomy'", "''"],
    "integer[]": ["'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[0:1]={5,6}'", "'[-1:0][2:3]={{1,2},{3,4}}'"],
    "text[]": ["'{NULL,\"NULL\",\"\",\"a,b\",\"q\\\"\",\"\\\\\\\\\"}'", "'{{a,NULL},{\"\",d}}'", "ARRAY[E'\\t\\n', '{}']"],
    "numeric(12,2)[]": ["'{1.10,NULL}'"],
    "boolean[]": ["'{t,f,NULL}'"],
    "mood[]": ["ARRAY['sad', NULL, '']::mood[]"],
    "pair[]": ["ARRAY[ROW(1, 'x')::pair, NULL]"],
    "timestamp with time zone[]": ["ARRAY['infinity', '2024-01-01 00:00+00']::timestamptz[]"],
    "bytea[]": ["ARRAY['\\x00ff', NULL]::bytea[]"],
    "posint[]": ["ARRAY[1, 2]::posint[]"],
    "int4range[]": ["ARRAY['[1,2)', 'empty', NULL]::int4range[]"],
    "box[]": ["ARRAY['(1,1),(0,0)', '(2,2),(0,0)']::box[]"],
    "jsonb[]": ["ARRAY['{\"a\": \"b,\\\"c\"}', NULL]::jsonb[]"],
    "hstore[]": ["ARRAY['a=>1']::hstore[]"],
}

# Values that files cannot say: PostgreSQL targets hold them; a file target fails the load or puts the change aside.
FILE_MISFITS = {
    "timestamp without time zone": ["'294276-12-31 23:59:59.999999'"],
    "timestamp with time zone": ["'294276-12-31 23:59:59.999999+00'"],
}
# The same for Parquet only; csv has words for them.
PARQUET_MISFITS = {
    "numeric(12,2)": ["'NaN'"],
    "numeric(38,10)": ["'NaN'"],
    "date": ["'infinity'", "'-infinity'"],
    "time without time zone": ["'24:00:00'"],
    "timestamp without time zone": ["'infinity'", "'-infinity'"],
    "timestamp with time zone": ["'infinity'", "'-infinity'"],
    "price": ["'NaN'"],
}
# Types that only the server itself writes: no value can be given, so no case.
INTERNAL = ["pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "gtsvector", "pg_brin_bloom_summary",
            "pg_brin_minmax_multi_summary"]

# Types that the change stream takes in binary, when no other column is there.
BINARY = ["smallint", "integer", "bigint", "numeric", "numeric(12,2)", "numeric(38,10)", "numeric(1000,500)", "numeric(5,-2)",
          "numeric(3,5)", "real", "double precision", "boolean", "text", "character varying", "character varying(10)",
          "character(5)", "name", "bytea", "date", "time without time zone", "time(0) without time zone",
          "timestamp without time zone", "timestamp(0) without time zone", "timestamp(3) without time zone",
          "timestamp with time zone", "uuid", "json", "jsonb", "oid", "mood", "\"Odd.Types\".\"An \"\"enum\"\" x\"", "posint",
          "small_posint", "price", "word"]

NEEDS_RELEASE = {name: 140000 for name in TYPES if "multirange" in name}
NEEDS_RELEASE.update({"numeric(5,-2)": 150000, "numeric(3,5)": 150000})


def values(kind, target="postgres"):
    """The literals of a type that this target ("postgres", "csv", "parquet") can hold."""
    found = list(TYPES[kind])
    if target != "parquet":
        found += PARQUET_MISFITS.get(kind, [])
    if target == "postgres":
        found += FILE_MISFITS.get(kind, [])
    return found


def misfits(kind, target):
    return FILE_MISFITS.get(kind, []) + (PARQUET_MISFITS.get(kind, []) if target == "parquet" else [])
