// SPDX-License-Identifier: Apache-2.0
//
// Statements as servers, dumps, frameworks and schema-change tools write them into the log.
#include "convert/mysql_ddl.h"

#include <gtest/gtest.h>

#include "convert/definition.h"

namespace convert {
namespace {

Statement parse(std::string_view sql) { return parse_mysql(sql, MysqlDialect()); }
Statement maria(std::string_view sql) { return parse_mysql(sql, {.is_mariadb = true, .version = 101119}); }

std::string names(const std::vector<MysqlTable>& tables) {
  std::string text;
  for (const MysqlTable& table : tables) {
    text += (text.empty() ? "" : ",") + (table.schema.empty() ? "" : table.schema + ".") + table.table;
  }
  return text;
}

std::string column_text(const ColumnDefinition& column) {
  std::string text = column.name + " " + column.type;
  if (column.nullable) text += *column.nullable ? " null" : " not null";
  if (column.default_text) text += " default " + *column.default_text;
  if (!column.on_update.empty()) text += " update " + column.on_update;
  if (column.auto_increment) text += " auto";
  if (column.primary_key) text += " pk";
  if (column.unique) text += " unique";
  if (column.invisible) text += " invisible";
  if (!column.character_set.empty()) text += " set " + column.character_set;
  if (!column.collation.empty()) text += " collate " + column.collation;
  if (!column.comment.empty()) text += " comment " + column.comment;
  if (!column.generation.empty()) text += (column.is_stored ? " stored " : " virtual ") + column.generation;
  if (column.is_row_period) text += " period";
  return text;
}
// The one column of a table.
std::string column(std::string_view definition, bool is_mariadb = false) {
  const std::string sql = "CREATE TABLE t (" + std::string(definition) + ")";
  const Statement made = is_mariadb ? maria(sql) : parse(sql);
  if (made.kind != StatementKind::create_table || made.columns.size() != 1) return "<not understood>";
  return column_text(made.columns[0]);
}

std::string index_text(const IndexDefinition& index) {
  static const char* const kinds[] = {"primary", "unique", "plain",   "fulltext",
                                      "spatial", "vector", "foreign", "check"};
  std::string text = std::string(kinds[static_cast<int>(index.kind)]) + " " + index.name + "(";
  for (const IndexPart& part : index.parts) {
    text += (text.back() == '(' ? "" : ",") + part.column + (part.expression.empty() ? "" : "=" + part.expression);
    if (part.prefix > 0) text += ":" + std::to_string(part.prefix);
    if (part.descending) text += " desc";
  }
  text += ")" + index.expression;
  if (index.kind == IndexKind::foreign_key) {
    text += " -> " + names({index.referenced}) + "(";
    for (const std::string& name : index.referenced_columns) text += (text.back() == '(' ? "" : ",") + name;
    text += ")" + index.rules;
  }
  return text;
}

std::string action_text(const Action& action) {
  const std::string at = action.is_first ? " first" : action.after.empty() ? "" : " after " + action.after;
  const std::string maybe = action.if_exists ? "? " : "";
  switch (action.kind) {
    case ActionKind::add_column: return maybe + "+" + column_text(action.column) + at;
    case ActionKind::drop_column: return maybe + "-" + action.name;
    case ActionKind::change_column: return maybe + action.name + "=>" + column_text(action.column) + at;
    case ActionKind::rename_column: return action.name + "->" + action.new_name;
    case ActionKind::set_default: return action.name + " default " + action.text;
    case ActionKind::drop_default: return action.name + " no default";
    case ActionKind::set_visibility: return action.name + (action.is_on ? " visible" : " invisible");
    case ActionKind::add_index: return maybe + "+" + index_text(action.index);
    case ActionKind::drop_primary_key: return "-primary";
    case ActionKind::drop_index: return maybe + "-index " + action.name;
    case ActionKind::drop_foreign_key: return maybe + "-foreign " + action.name;
    case ActionKind::drop_check: return "-check " + action.name;
    case ActionKind::drop_constraint: return maybe + "-constraint " + action.name;
    case ActionKind::rename_index: return "index " + action.name + "->" + action.new_name;
    case ActionKind::rename_table: return "rename " + names({action.table});
    case ActionKind::convert_characters: return "convert " + action.text + "/" + action.new_name;
    case ActionKind::option: return action.name + "=" + action.text;
    case ActionKind::without_effect: return "none";
    case ActionKind::partitioning: return "partitioning";
    case ActionKind::moves_rows: return "moves rows";
    case ActionKind::versioning: return "versioning";
  }
  return "?";
}
std::string actions_of(const Statement& made) {
  std::string text;
  for (const Action& action : made.actions) text += (text.empty() ? "" : "; ") + action_text(action);
  return text;
}
std::string alter(std::string_view actions, bool is_mariadb = false) {
  const std::string sql = "ALTER TABLE t " + std::string(actions);
  const Statement made = is_mariadb ? maria(sql) : parse(sql);
  if (made.kind != StatementKind::alter_table) return "<not understood>";
  return actions_of(made) + (made.tables.size() > 1 ? " | " + names(made.tables) : "");
}

TEST(MysqlDdl, TypesAreWrittenAsTheServerDoes) {
  EXPECT_EQ(column("a INT"), "a int");
  EXPECT_EQ(column("a integer(10) UNSIGNED ZEROFILL"), "a int(10) unsigned zerofill");
  EXPECT_EQ(column("a int zerofill"), "a int unsigned zerofill");
  EXPECT_EQ(column("a bool"), "a tinyint(1)");
  EXPECT_EQ(column("a NUMERIC"), "a decimal(10,0)");
  EXPECT_EQ(column("a dec ( 5 )"), "a decimal(5,0)");
  EXPECT_EQ(column("a decimal(10, 2) unsigned"), "a decimal(10,2) unsigned");
  EXPECT_EQ(column("a double precision"), "a double");
  EXPECT_EQ(column("a real"), "a double");
  EXPECT_EQ(column("a float(24)"), "a float");
  EXPECT_EQ(column("a float(25)"), "a double");
  EXPECT_EQ(column("a float(7, 4)"), "a float(7,4)");
  EXPECT_EQ(column("a bit"), "a bit(1)");
  EXPECT_EQ(column("a char"), "a char(1)");
  EXPECT_EQ(column("a character varying(20)"), "a varchar(20)");
  EXPECT_EQ(column("a national varchar(20)"), "a varchar(20) set utf8mb3");
  EXPECT_EQ(column("a char(3) byte"), "a binary(3)");
  EXPECT_EQ(column("a varchar(3) character set binary"), "a varbinary(3)");
  EXPECT_EQ(column("a text(100)"), "a text");
  EXPECT_EQ(column("a text(100) charset latin1"), "a tinytext set latin1");
  EXPECT_EQ(column("a text character set binary"), "a blob");
  EXPECT_EQ(column("a blob(70000)"), "a mediumblob");
  EXPECT_EQ(column("a long varchar"), "a mediumtext");
  EXPECT_EQ(column("a year(4)"), "a year");
  EXPECT_EQ(column("a datetime(0)"), "a datetime");
  EXPECT_EQ(column("a timestamp(6) null"), "a timestamp(6) null");
  EXPECT_EQ(column("a ENUM ('x', 'it''s', 'b\\'c', \"d\" )"), "a enum('x','it''s','b''c','d')");
  EXPECT_EQ(column("a set('a','b ') collate latin1_bin"), "a set('a','b') collate latin1_bin");
  EXPECT_EQ(column("a serial"), "a bigint unsigned not null auto unique");
  EXPECT_EQ(column("a json"), "a json");
  EXPECT_EQ(column("a json", true), "a longtext");
  EXPECT_EQ(column("a point srid 4326"), "a point");
  EXPECT_EQ(column("a vector(3)"), "a vector(3)");
  EXPECT_EQ(column("a inet6", true), "a inet6");
  EXPECT_EQ(column("a somethingnew(3)"), "a somethingnew(3)");
}

TEST(MysqlDdl, ForeignKeysActOrNot) {
  const auto rules = [](std::string_view sql) { return parse(sql).columns.at(0).reference_rules; };
  EXPECT_TRUE(convert::acts(rules("CREATE TABLE t (a int REFERENCES p (id) on delete set null, b int)")));
  EXPECT_TRUE(convert::acts(rules("CREATE TABLE t (a int REFERENCES p (id) MATCH FULL ON UPDATE cascade)")));
  EXPECT_FALSE(convert::acts(rules("CREATE TABLE t (a int REFERENCES p (id) ON DELETE NO ACTION ON UPDATE RESTRICT)")));
  EXPECT_FALSE(convert::acts(rules("CREATE TABLE t (a int COMMENT 'CASCADE')")));
  const auto of_key = [](std::string_view how) {
    return parse("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id) " + std::string(how)).actions.at(0).index.rules;
  };
  EXPECT_TRUE(convert::acts(of_key("ON DELETE\tSET\n  NULL, ALGORITHM=INPLACE")));
  EXPECT_TRUE(convert::acts(of_key("ON DELETE SET -- as ever\n NULL")));
  EXPECT_TRUE(convert::acts(of_key("ON DELETE /*!50000 CASCADE */")));
  EXPECT_FALSE(convert::acts(of_key("ON DELETE RESTRICT;")));
  EXPECT_FALSE(convert::acts(of_key("")));
}

TEST(MysqlDdl, ColumnsHaveAttributes) {
  EXPECT_EQ(column("`id` bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'the key, (really)'"),
            "id bigint(20) unsigned not null auto pk comment the key, (really)");
  EXPECT_EQ(column("a varchar(9) CHARACTER SET utf8 COLLATE utf8_bin DEFAULT 'it''s' NOT NULL"),
            "a varchar(9) not null default 'it''s' set utf8mb3 collate utf8_bin");
  EXPECT_EQ(column("a timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE current_timestamp(3)"),
            "a timestamp(3) not null default CURRENT_TIMESTAMP(3) update current_timestamp(3)");
  EXPECT_EQ(column("a int default -1 unique key"), "a int default -1 unique");
  EXPECT_EQ(column("a int default (1 + (2)) invisible"), "a int default (1 + (2)) invisible");
  EXPECT_EQ(column("a varchar(36) default uuid()"), "a varchar(36) default uuid()");
  EXPECT_EQ(column("a bit(3) default b'101'"), "a bit(3) default b'101'");
  EXPECT_EQ(column("a char(9) default _latin1'x' collate latin1_bin"),
            "a char(9) default _latin1'x' collate latin1_bin");
  EXPECT_EQ(column("a double default 1.5e-3 null"), "a double null default 1.5e-3");
  EXPECT_EQ(column("a int GENERATED ALWAYS AS (b + length(')')) STORED NOT NULL"),
            "a int not null stored b + length(')')");
  EXPECT_EQ(column("a int AS (b*2) PERSISTENT", true), "a int stored b*2");
  EXPECT_EQ(column("a varchar(9) as (json_unquote(j->'$.x'))"), "a varchar(9) virtual json_unquote(j->'$.x')");
  EXPECT_EQ(column("a int CHECK (a > 0) NOT ENFORCED REFERENCES o.p (q) ON DELETE SET NULL ON UPDATE CASCADE unique"),
            "a int unique");
  EXPECT_EQ(column("a int CONSTRAINT pos CHECK (a > 0)"), "a int");
  EXPECT_EQ(column("s timestamp(6) GENERATED ALWAYS AS ROW START", true), "s timestamp(6) period");
  EXPECT_EQ(column("a text COMPRESSED=zlib COLUMN_FORMAT DYNAMIC STORAGE DISK", true), "a text");
  EXPECT_EQ(column("a int default next value for s.q", true), "a int default next value for s.q");
  EXPECT_EQ(column("a int /*!80023 INVISIBLE */"), "a int");
  EXPECT_EQ(column("a int /*!50100 NOT NULL */ /* plain */ -- more\n"), "a int not null");
}

TEST(MysqlDdl, TablesAsADumpWritesThem) {
  const Statement made = parse(R"(CREATE TABLE `shop`.`orders` (
  `id` int NOT NULL AUTO_INCREMENT,
  `customer` varchar(100) COLLATE utf8mb4_unicode_ci DEFAULT NULL,
  `total` decimal(12,2) NOT NULL DEFAULT '0.00',
  `made` datetime DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `c` (`customer`(20),`made` DESC) USING BTREE COMMENT 'x',
  KEY `expr` ((lower(`customer`))),
  FULLTEXT KEY `f` (`customer`) /*!50100 WITH PARSER `ngram` */,
  CONSTRAINT `fk` FOREIGN KEY (`customer`) REFERENCES `people` (`name`) ON DELETE CASCADE ON UPDATE SET NULL,
  CONSTRAINT `chk` CHECK ((`total` >= 0))
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='a; b'
/*!50100 PARTITION BY RANGE (`id`)
(PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB, PARTITION p1 VALUES LESS THAN MAXVALUE) */;)");
  ASSERT_EQ(made.kind, StatementKind::create_table);
  EXPECT_EQ(names(made.tables), "shop.orders");
  ASSERT_EQ(made.columns.size(), 4U);
  EXPECT_EQ(column_text(made.columns[1]), "customer varchar(100) default NULL collate utf8mb4_unicode_ci");
  EXPECT_EQ(column_text(made.columns[2]), "total decimal(12,2) not null default '0.00'");
  ASSERT_EQ(made.indexes.size(), 6U);
  EXPECT_EQ(index_text(made.indexes[0]), "primary (id)");
  EXPECT_EQ(index_text(made.indexes[1]), "unique c(customer:20,made desc)");
  EXPECT_EQ(index_text(made.indexes[2]), "plain expr(=lower(`customer`))");
  EXPECT_EQ(index_text(made.indexes[3]), "fulltext f(customer)");
  EXPECT_EQ(index_text(made.indexes[4]), "foreign fk(customer) -> people(name)ON DELETE CASCADE ON UPDATE SET NULL");
  EXPECT_EQ(index_text(made.indexes[5]), "check chk()(`total` >= 0)");
  EXPECT_EQ(actions_of(made),
            "ENGINE=InnoDB; AUTO_INCREMENT=7; CHARACTER SET=utf8mb4; COLLATE=utf8mb4_unicode_ci; COMMENT=a; b");
}

TEST(MysqlDdl, TablesFromOtherTables) {
  Statement made = parse("CREATE TABLE IF NOT EXISTS a LIKE b.c");
  EXPECT_TRUE(made.if_exists);
  EXPECT_EQ(names({made.like.value_or(MysqlTable())}), "b.c");
  made = parse("create temporary table a (like c)");
  EXPECT_TRUE(made.temporary && made.like);
  for (const char* sql :
       {"CREATE TABLE a AS SELECT 1", "CREATE TABLE a SELECT * FROM b", "CREATE TABLE a (SELECT 1)",
        "CREATE TABLE a (id int) ENGINE=x IGNORE AS SELECT 1", "CREATE TABLE a WITH c AS (SELECT 1) SELECT 2",
        "CREATE TABLE a (x int) PARTITION BY HASH (x) PARTITIONS 4 AS SELECT 1"}) {
    EXPECT_EQ(parse(sql).kind, StatementKind::create_table) << sql;
    EXPECT_TRUE(parse(sql).has_select) << sql;
  }
  made = parse("CREATE TABLE `a` (\n  `x` int NOT NULL DEFAULT '0'\n) START TRANSACTION");
  EXPECT_TRUE(made.begins_transaction);
  EXPECT_FALSE(made.has_select);
  EXPECT_EQ(made.columns.size(), 1U);
  made = maria(
      "CREATE OR REPLACE TABLE a (x int, s timestamp(6) GENERATED ALWAYS AS ROW START, PERIOD FOR SYSTEM_TIME "
      "(s, e)) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION p HISTORY, PARTITION c CURRENT)");
  EXPECT_TRUE(made.or_replace && made.is_versioned);
  EXPECT_EQ(made.kind, StatementKind::create_table);
  EXPECT_EQ(made.columns.size(), 2U);
  made = parse("CREATE TABLE a (`primary` int, `key` int, status int, comment text, date date, `check` int)");
  EXPECT_EQ(made.columns.size(), 6U);
}

TEST(MysqlDdl, AlterColumns) {
  EXPECT_EQ(alter("ADD a int"), "+a int");
  EXPECT_EQ(alter("ADD COLUMN (a int, b varchar(3) NOT NULL, KEY k (a))"),
            "+a int; +b varchar(3) not null; +plain k(a)");
  EXPECT_EQ(alter("ADD COLUMN IF NOT EXISTS a int FIRST, ADD b text AFTER `a b`", true),
            "? +a int first; +b text after a b");
  EXPECT_EQ(alter("DROP a, DROP COLUMN `b`, DROP COLUMN IF EXISTS c CASCADE"), "-a; -b; ? -c");
  EXPECT_EQ(alter("CHANGE a b bigint NOT NULL AFTER c"), "a=>b bigint not null after c");
  EXPECT_EQ(alter("CHANGE COLUMN `a` `A` varchar(30) COMMENT 'x'"), "a=>A varchar(30) comment x");
  EXPECT_EQ(alter("MODIFY COLUMN a enum('x','y') DEFAULT 'x' FIRST"), "a=>a enum('x','y') default 'x' first");
  EXPECT_EQ(alter("RENAME COLUMN a TO b, RENAME COLUMN b TO a"), "a->b; b->a");
  EXPECT_EQ(alter("ALTER a SET DEFAULT 'x', ALTER COLUMN b DROP DEFAULT, ALTER c SET DEFAULT (uuid())"),
            "a default 'x'; b no default; c default (uuid())");
  EXPECT_EQ(alter("ALTER COLUMN a SET INVISIBLE, ALTER INDEX i INVISIBLE"), "a invisible; none");
}

TEST(MysqlDdl, AlterKeys) {
  EXPECT_EQ(alter("ADD PRIMARY KEY (a, b)"), "+primary (a,b)");
  EXPECT_EQ(alter("ADD CONSTRAINT pk PRIMARY KEY USING BTREE (a)"), "+primary pk(a)");
  EXPECT_EQ(alter("ADD UNIQUE INDEX u (a(5)), ADD INDEX (b), ADD KEY k USING HASH (c), ADD CONSTRAINT UNIQUE (d)"),
            "+unique u(a:5); +plain (b); +plain k(c); +unique (d)");
  EXPECT_EQ(alter("ADD FULLTEXT (a), ADD SPATIAL INDEX s (g), ADD VECTOR INDEX v (e) M=8 DISTANCE=cosine", true),
            "+fulltext (a); +spatial s(g); +vector v(e)");
  EXPECT_EQ(alter("ADD CONSTRAINT `f` FOREIGN KEY `i` (a) REFERENCES x.y (b) ON DELETE RESTRICT, ADD CHECK (a<b)"),
            "+foreign f(a) -> x.y(b)ON DELETE RESTRICT; +check ()a<b");
  EXPECT_EQ(
      alter(
          "DROP PRIMARY KEY, DROP INDEX i, DROP KEY IF EXISTS k, DROP FOREIGN KEY f, DROP CONSTRAINT c, DROP CHECK h"),
      "-primary; -index i; ? -index k; -foreign f; -constraint c; -check h");
  EXPECT_EQ(alter("RENAME INDEX a TO b, RENAME KEY c TO d"), "index a->b; index c->d");
}

TEST(MysqlDdl, AlterTheRest) {
  EXPECT_EQ(alter("RENAME TO b, ADD a int"), "rename b; +a int");
  EXPECT_EQ(alter("RENAME x.y"), "rename x.y");
  EXPECT_EQ(alter("RENAME AS `z`"), "rename z");
  EXPECT_EQ(alter("CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"), "convert utf8mb4/utf8mb4_bin");
  EXPECT_EQ(alter("CONVERT TO CHARSET DEFAULT"), "convert /");
  EXPECT_EQ(alter("ENGINE=InnoDB, DEFAULT CHARACTER SET = latin1 COLLATE latin1_bin COMMENT='x', AUTO_INCREMENT 5"),
            "ENGINE=InnoDB; CHARACTER SET=latin1; COLLATE=latin1_bin; COMMENT=x; AUTO_INCREMENT=5");
  EXPECT_EQ(alter("ADD a int, ALGORITHM=INPLACE, LOCK=NONE"), "+a int; none; none");
  EXPECT_EQ(alter("FORCE, ORDER BY a DESC, b"), "none; none");
  EXPECT_EQ(alter("DISABLE KEYS"), "none");
  EXPECT_EQ(alter("COMMENT 'a; DROP COLUMN b, -- /*'"), "COMMENT=a; DROP COLUMN b, -- /*");
  EXPECT_EQ(alter(""), "");
  EXPECT_EQ(alter("ADD a int PARTITION BY HASH(a) PARTITIONS 3"), "+a int; partitioning");
  EXPECT_EQ(alter("ADD PARTITION (PARTITION p VALUES LESS THAN (3))"), "partitioning");
  EXPECT_EQ(alter("REMOVE PARTITIONING"), "partitioning");
  EXPECT_EQ(alter("REORGANIZE PARTITION a, b INTO (PARTITION c VALUES IN (1))"), "partitioning");
  EXPECT_EQ(alter("REBUILD PARTITION a, b"), "none");
  EXPECT_EQ(alter("DROP PARTITION a, b"), "moves rows");
  EXPECT_EQ(alter("TRUNCATE PARTITION ALL"), "moves rows");
  EXPECT_EQ(alter("EXCHANGE PARTITION p WITH TABLE d.o WITHOUT VALIDATION"), "moves rows | t,d.o");
  EXPECT_EQ(alter("IMPORT TABLESPACE"), "moves rows");
  EXPECT_EQ(alter("CONVERT PARTITION p TO TABLE o", true), "moves rows | t,o");
  EXPECT_EQ(alter("ADD SYSTEM VERSIONING", true), "versioning");
  EXPECT_EQ(alter("DROP SYSTEM VERSIONING", true), "versioning");
  EXPECT_EQ(alter("WAIT 10 ADD a int", true), "+a int");
}

TEST(MysqlDdl, AsSchemaChangeToolsWriteThem) {
  EXPECT_EQ(actions_of(parse("ALTER /* gh-ost */ TABLE `test`.`_sample_gho` ADD COLUMN `x` int not null default 0")),
            "+x int not null default 0");
  const Statement swap = parse(
      "rename /* gh-ost */ table `test`.`sample` to `test`.`_sample_del`, `test`.`_sample_gho` to "
      "`test`.`sample`");
  EXPECT_EQ(swap.kind, StatementKind::rename_table);
  EXPECT_EQ(names(swap.tables), "test.sample,test._sample_gho");
  EXPECT_EQ(names(swap.new_names), "test._sample_del,test.sample");
  EXPECT_EQ(names(parse("RENAME TABLE `a`.`t` TO `a`.`_t_old`, `a`.`_t_new` TO `a`.`t`").new_names), "a._t_old,a.t");
  EXPECT_EQ(parse("DROP TABLE IF EXISTS `_t_old` /* generated by server */").kind, StatementKind::drop_table);
  EXPECT_EQ(parse("CREATE TRIGGER `pt_osc_a_t_del` AFTER DELETE ON `a`.`t` FOR EACH ROW DELETE IGNORE FROM x").kind,
            StatementKind::other);
}

TEST(MysqlDdl, TheOtherTableStatements) {
  Statement made = parse("DROP TABLE IF EXISTS a, `b`.`c` , d.e CASCADE");
  EXPECT_TRUE(made.if_exists);
  EXPECT_EQ(names(made.tables), "a,b.c,d.e");
  EXPECT_TRUE(parse("DROP TEMPORARY TABLE IF EXISTS `x`").temporary);
  EXPECT_TRUE(parse("DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`").temporary);
  EXPECT_FALSE(parse("DROP TABLE `t` /* generated by server */").temporary);
  EXPECT_EQ(names(maria("RENAME TABLE t WAIT 5 TO u").new_names), "u");
  EXPECT_EQ(maria("SET STATEMENT max_statement_time=0 FOR TRUNCATE TABLE t").kind, StatementKind::truncate_table);
  EXPECT_EQ(parse("TRUNCATE x.y").kind, StatementKind::truncate_table);
  EXPECT_EQ(names(parse("truncate table `x`.`1`").tables), "x.1");
  EXPECT_EQ(names(parse("truncate table 1a.2").tables), "1a.2");
  made = parse("CREATE UNIQUE INDEX `i` USING BTREE ON `s`.`t` (a, (b + 1) DESC) COMMENT 'x' ALGORITHM=INPLACE");
  EXPECT_EQ(made.kind, StatementKind::create_index);
  EXPECT_EQ(actions_of(made), "+unique i(a,=b + 1 desc)");
  EXPECT_EQ(names(made.tables), "s.t");
  made = parse("DROP INDEX `PRIMARY` ON t");
  EXPECT_EQ(actions_of(made), "-primary");
  EXPECT_EQ(parse("DROP INDEX IF EXISTS i ON t LOCK=NONE").kind, StatementKind::drop_index);
  made = parse("CREATE DATABASE IF NOT EXISTS `new` DEFAULT CHARACTER SET utf8mb4");
  EXPECT_EQ(made.kind, StatementKind::create_database);
  EXPECT_EQ(made.schema, "new");
  EXPECT_EQ(parse("drop schema x").schema, "x");
  EXPECT_EQ(parse("ALTER DATABASE CHARACTER SET latin1").schema, "");
  EXPECT_EQ(parse("ALTER DATABASE `a b` CHARACTER SET latin1").schema, "a b");
}

TEST(MysqlDdl, Transactions) {
  EXPECT_EQ(parse("BEGIN").kind, StatementKind::begin);
  EXPECT_EQ(parse("start transaction").kind, StatementKind::begin);
  EXPECT_EQ(parse("COMMIT").kind, StatementKind::commit);
  EXPECT_EQ(parse("ROLLBACK").kind, StatementKind::rollback);
  EXPECT_EQ(parse("ROLLBACK TO `a`").kind, StatementKind::savepoint);
  EXPECT_EQ(parse("SAVEPOINT `a`").kind, StatementKind::savepoint);
  EXPECT_EQ(parse("RELEASE SAVEPOINT a").kind, StatementKind::savepoint);
  EXPECT_EQ(parse("XA PREPARE X'61',X'62',1").kind, StatementKind::xa);
  EXPECT_EQ(parse("XA COMMIT X'61'").detail, "COMMIT");
}

TEST(MysqlDdl, WhatTouchesNoTable) {
  for (const char* sql : {"",
                          "  -- nothing\n",
                          "# Dummy event",
                          "GRANT ALL ON *.* TO x",
                          "CREATE USER 'a'@'%' IDENTIFIED BY 'TABLE'",
                          "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW `v` AS SELECT 1",
                          "CREATE DEFINER=CURRENT_USER() PROCEDURE p() BEGIN DROP TABLE x; END",
                          "CREATE OR REPLACE VIEW v AS SELECT 1",
                          "DROP VIEW IF EXISTS v",
                          "DROP FUNCTION f",
                          "ALTER EVENT e ENABLE",
                          "ANALYZE TABLE t",
                          "OPTIMIZE TABLE t",
                          "FLUSH TABLES",
                          "SET PASSWORD FOR x = 'y'",
                          "RENAME USER a TO b",
                          "CREATE SEQUENCE s",
                          "DROP ROLE r",
                          "CREATE SPATIAL REFERENCE SYSTEM 4120 NAME 'x'",
                          "ALTER INSTANCE ROTATE INNODB MASTER KEY",
                          "CREATE UNDO TABLESPACE u ADD DATAFILE 'u.ibu'",
                          "ALTER USER a ACCOUNT LOCK",
                          "CREATE DEFINER=`a`@`b` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1"}) {
    EXPECT_EQ(parse(sql).kind, StatementKind::other) << sql;
  }
  for (const char* sql : {"INSERT INTO t VALUES (1)", "update t set a = 1", "REPLACE t VALUES (1)",
                          "LOAD DATA INFILE 'x'", "DELETE FROM t", "WITH c AS (SELECT 1) DELETE FROM t"}) {
    EXPECT_EQ(parse(sql).kind, StatementKind::changes_rows) << sql;
  }
}

TEST(MysqlDdl, WhatIsNotUnderstoodIsSaid) {
  Statement made = parse("ALTER TABLE s.t FROBNICATE (a), ADD b int");
  EXPECT_EQ(made.kind, StatementKind::unknown);
  EXPECT_EQ(names(made.tables), "s.t");
  EXPECT_EQ(made.detail, "ALTER TABLE S");
  EXPECT_TRUE(made.actions.empty());
  for (const char* sql : {"ALTER TABLE",
                          "CREATE TABLE t (a int",
                          "CREATE TABLE t (a int,,b int)",
                          "FROBNICATE t",
                          "ALTER TABLE t ADD a int trailing words",
                          "ALTER TABLE t ADD a int) ",
                          "DROP TABLE a b c",
                          "RENAME TABLE a TO",
                          "CREATE TABLE t (a enum('x)",
                          "CREATE INDEX i",
                          "TRUNCATE TABLE a, b",
                          "ALTER TABLE t DROP",
                          "ALTER TABLE t CHANGE a int",
                          "(((((",
                          "CREATE",
                          "DROP TABLE ``.",
                          "ALTER TABLE t ADD a int DEFAULT",
                          "ALTER TABLE t ADD a int DEFAULT 'x",
                          "ALTER TABLE `t",
                          "ALTER TABLE t ADD a int /* ",
                          "RENAME TABLE a TO `b",
                          "TRUNCATE"}) {
    EXPECT_EQ(parse(sql).kind, StatementKind::unknown) << sql;
  }
}

TEST(MysqlDdl, TheDialectMatters) {
  const std::string_view sql = "ALTER TABLE \"a b\" ADD \"c\" varchar(9) DEFAULT 'x\\', ADD d int COMMENT 'y'";
  const Statement made = parse_mysql(sql, {.ansi_quotes = true, .no_backslash_escapes = true});
  EXPECT_EQ(names(made.tables), "a b");
  EXPECT_EQ(actions_of(made), "+c varchar(9) default 'x\\\\'; +d int comment y");
  EXPECT_EQ(parse(sql).kind, StatementKind::unknown);
  EXPECT_EQ(actions_of(maria("ALTER TABLE t ADD a int /*M!100301 COMMENT 'm' */ /*!80000 COMMENT 'n' */")),
            "+a int comment m");
  EXPECT_EQ(actions_of(parse("ALTER TABLE t ADD a int /*M!100301 COMMENT 'm' */ /*!80000 COMMENT 'n' */")),
            "+a int comment n");
  EXPECT_EQ(actions_of(parse("ALTER TABLE t ADD a int /*!99999 COMMENT 'later' */")), "+a int");
  EXPECT_EQ(actions_of(maria("SET STATEMENT max_statement_time=1, sql_mode='a,b' FOR ALTER TABLE t ADD a int")),
            "+a int");
  EXPECT_EQ(parse("SET STATEMENT = 1").kind, StatementKind::other);
  EXPECT_EQ(names(parse("ALTER TABLE `a``b`.`c` ADD x int").tables), "a`b.c");
  EXPECT_EQ(names(parse("ALTER TABLE таблица ADD x int").tables), "таблица");
}

}  // namespace
}  // namespace convert
