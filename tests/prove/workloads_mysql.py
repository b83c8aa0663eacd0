# SPDX-License-Identifier: Apache-2.0
"""The workloads of workloads.py as MySQL and MariaDB speak: the same tables, questions and meanings, another dialect.

    bank     as there
    shop     as there; MariaDB does not log the lines that go with their order
    odd      tables without a key, keys that change places, unique values that swap, large values, savepoints rolled back, XA
             transactions left open while others commit, huge ones, TRUNCATE, names of every sort
"""

from workloads import Bank, Odd, Shop, Table

SERIES = "WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {}) SELECT {} FROM s"


def series(count, columns):
    return SERIES.format(count, columns)



class MysqlBank(Bank):
    schema = f"""
CREATE DATABASE bank;
CREATE TABLE bank.accounts (id int PRIMARY KEY, balance bigint NOT NULL, version int NOT NULL DEFAULT 0);
CREATE TABLE bank.moves (id bigint AUTO_INCREMENT PRIMARY KEY, giver int NOT NULL, taker int NOT NULL, amount bigint NOT NULL);
CREATE TABLE bank.notes (move bigint PRIMARY KEY, text varchar(100) NOT NULL);
INSERT INTO bank.accounts {series(Bank.ACCOUNTS, f"g, {Bank.START}, 0")};
"""

    def step(self, chance):
        giver, taker = sorted(chance.sample(range(1, self.ACCOUNTS + 1), 2))
        amount = chance.randint(-50, 50)
        aside = "SAVEPOINT s; INSERT INTO bank.notes VALUES (-1, 'never'); ROLLBACK TO s;" if chance.random() < 0.1 else ""
        pay = "UPDATE bank.accounts SET balance = balance {:+d}, version = version + 1 WHERE id = {};".format
        end = "ROLLBACK" if chance.random() < 0.05 else "COMMIT"
        return 4, (f"BEGIN; {pay(-amount, giver)} {aside} INSERT INTO bank.moves (giver, taker, amount) VALUES ({giver}, {taker}, "
                   f"{amount}); {pay(amount, taker)} INSERT INTO bank.notes VALUES (LAST_INSERT_ID(), 'move of {amount}'); {end}")


class MysqlShop(Shop):
    schema = f"""
CREATE DATABASE shop;
CREATE TABLE shop.customers (id int PRIMARY KEY, name varchar(40) NOT NULL, orders int NOT NULL DEFAULT 0);
CREATE TABLE shop.products (id int PRIMARY KEY, price decimal(10,2) NOT NULL, stock int NOT NULL, sold int NOT NULL DEFAULT 0);
CREATE TABLE shop.orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer int NOT NULL, `lines` int NOT NULL,
  total decimal(14,2), state text, FOREIGN KEY (customer) REFERENCES shop.customers (id));
CREATE TABLE shop.`lines` (`order` bigint, line int, product int NOT NULL, pieces int NOT NULL, amount decimal(14,2) NOT NULL,
  PRIMARY KEY (`order`, line), FOREIGN KEY (`order`) REFERENCES shop.orders (id) ON DELETE CASCADE, FOREIGN KEY (product) REFERENCES shop.products (id));
INSERT INTO shop.customers {series(Shop.CUSTOMERS, "g, CONCAT('customer, ', g), 0")};
INSERT INTO shop.products {series(Shop.PRODUCTS, f"g, g * 1.25, {Shop.STOCK}, 0")};
"""
    settle = """UPDATE shop.orders o JOIN (SELECT count(*) AS n, sum(amount) AS amount FROM shop.`lines` WHERE `order` = {order}) l
SET o.`lines` = l.n, o.total = l.amount WHERE o.id = {order};"""

    def step(self, chance):
        kind = chance.random()
        if kind < 0.6 or self.placed < 20:
            return self.place(chance)
        find = f"SET @o = (SELECT id FROM shop.orders WHERE id >= {chance.randint(max(1, self.placed - 2000), self.placed)} ORDER BY id LIMIT 1);"
        if kind < 0.75:
            return 1, f"{find} UPDATE shop.orders SET state = 'sent {chance.randint(1, 9)}' WHERE id = @o"
        if kind < 0.9:
            pieces = chance.randint(1, 5)
            return 3, (f"BEGIN; {find} SET @l = (SELECT min(line) FROM shop.`lines` WHERE `order` = @o);"
                       f"UPDATE shop.products p JOIN shop.`lines` l ON l.product = p.id SET p.stock = p.stock - {pieces}, p.sold = p.sold + {pieces},"
                       f" l.pieces = l.pieces + {pieces}, l.amount = l.amount + {pieces} * p.price WHERE l.`order` = @o AND l.line = @l;"
                       f"{self.settle.format(order='@o')} COMMIT")
        return 6, (f"BEGIN; {find} UPDATE shop.customers SET orders = orders - 1 WHERE id = (SELECT customer FROM shop.orders WHERE id = @o);"
                   "UPDATE shop.products p JOIN (SELECT product, sum(pieces) AS n FROM shop.`lines` WHERE `order` = @o GROUP BY 1) l "
                   "ON p.id = l.product SET p.stock = p.stock + l.n, p.sold = p.sold - l.n;"
                   "DELETE FROM shop.orders WHERE id = @o; COMMIT")

    def place(self, chance):
        products = sorted(chance.sample(range(1, self.PRODUCTS + 1), chance.randint(1, 6)))
        lines = "".join(f"""
UPDATE shop.products SET stock = stock - {pieces}, sold = sold + {pieces} WHERE id = {product};
INSERT INTO shop.`lines` SELECT @o, {line}, id, {pieces}, {pieces} * price FROM shop.products WHERE id = {product};"""
                        for line, product in enumerate(products, 1) for pieces in [chance.randint(1, 9)])
        self.placed += 1
        customer = chance.randint(1, self.CUSTOMERS)
        end = "ROLLBACK" if chance.random() < 0.05 else "COMMIT"
        return 3 + 2 * len(products), f"""BEGIN; UPDATE shop.customers SET orders = orders + 1 WHERE id = {customer};
INSERT INTO shop.orders (customer, `lines`, total) VALUES ({customer}, 0, 0); SET @o = LAST_INSERT_ID();{lines}{self.settle.format(order='@o')} {end}"""


ODD_TEXT = r"""g, CONCAT('tab\t "quote", line\nand \\N ', g), g / 3.0"""


class MysqlOdd(Odd):
    NAMED = 'Ta"b `le ü'
    tables = [Table("odd", "bag", key=0), Table("odd", "walkers"), Table("odd", "doc"), Table("odd", NAMED),
              Table("odd", "emptied", emptied=True), Table("odd", "grows"), Table("odd", "mass"),
              Table("odd", "reloaded", emptied=True), Table("odd", "nested", version=1)]
    named_quoted = 'odd.`Ta"b ``le ü`'
    schema = f"""
CREATE DATABASE odd;
CREATE TABLE odd.bag (a int, b varchar(20));
CREATE TABLE odd.walkers (id int PRIMARY KEY, place int UNIQUE, v varchar(40));
CREATE TABLE odd.doc (id int PRIMARY KEY, n int, body longtext, more mediumtext);
CREATE TABLE {named_quoted} (`or"``der` int PRIMARY KEY, `va.l, ue` varchar(100), `SELECT` decimal(12,4));
CREATE TABLE odd.emptied (id int PRIMARY KEY, v varchar(40));
CREATE TABLE odd.grows (id int PRIMARY KEY, n int);
CREATE TABLE odd.mass (id bigint AUTO_INCREMENT PRIMARY KEY, v text);
CREATE TABLE odd.reloaded (id int PRIMARY KEY, n int, v varchar(200));
CREATE TABLE odd.nested (id int PRIMARY KEY, version int NOT NULL DEFAULT 0);
INSERT INTO odd.bag {series(Odd.ROWS, "g % 20, CASE WHEN g % 3 > 0 THEN 'x' END")};
INSERT INTO odd.walkers {series(Odd.ROWS, "g, g, CONCAT('w', g)")};
INSERT INTO odd.doc {series(60, "g, 0, REPEAT(SHA2(g, 256), 100), CASE WHEN g % 2 = 0 THEN REPEAT('m', 3000) END")};
INSERT INTO {named_quoted} {series(Odd.ROWS, ODD_TEXT)};
INSERT INTO odd.emptied {series(Odd.ROWS, "g, 'first'")};
INSERT INTO odd.grows {series(Odd.ROWS, "g, 0")};
INSERT INTO odd.mass (v) {series(20000, "REPEAT(SHA2(g, 256), 6)")};
INSERT INTO odd.reloaded {series(5000, "g, 0, REPEAT('r', 100)")};
INSERT INTO odd.nested {series(Odd.ROWS, "g, 0")};
"""

    def bag(self, chance):
        return 9, (f"BEGIN; INSERT INTO odd.bag VALUES ({self.number % 20}, NULL), (1, 'x'), (1, 'x'), (1, 'y'); "
                   f"UPDATE odd.bag SET a = a + 1 WHERE a = {chance.randint(0, 19)} ORDER BY b LIMIT {chance.randint(1, 4)}; "
                   f"DELETE FROM odd.bag WHERE a = {chance.randint(0, 25)} ORDER BY b LIMIT 4; COMMIT")

    def swap(self, chance):
        a, b = chance.sample(range(1, self.ROWS + 1), 2)
        return 4, (f"BEGIN; SET @a = (SELECT place FROM odd.walkers WHERE id = {a}), @b = (SELECT place FROM odd.walkers WHERE id = {b}); "
                   f"UPDATE odd.walkers SET place = -place WHERE id IN ({a}, {b}); UPDATE odd.walkers SET place = @b WHERE id = {a}; "
                   f"UPDATE odd.walkers SET place = @a WHERE id = {b}; COMMIT")

    def doc(self, chance):
        at = chance.randint(1, 60)
        if chance.random() < 0.2:
            return 1, f"UPDATE odd.doc SET body = REPEAT(SHA2('{self.number}', 256), {chance.randint(1, 150)}) WHERE id = {at}"
        return 2, (f"BEGIN; UPDATE odd.doc SET n = n + 1 WHERE id = {at}; UPDATE odd.doc SET more = CASE WHEN more IS NULL THEN "
                   f"REPEAT('n', 2500) END WHERE id = {at % 60 + 1}; COMMIT")

    def named(self, chance):
        at = self.any_row(chance)
        return 2, (f'BEGIN; DELETE FROM {self.named_quoted} WHERE `or"``der` = {at}; INSERT INTO {self.named_quoted} VALUES ({at}, '
                   f"'é \\r\\n 😀 {self.number}', 0.0001); COMMIT")

    def nest(self, chance):
        a, b, c = chance.sample(range(1, self.ROWS + 1), 3)
        one = "UPDATE odd.nested SET version = version + 1 WHERE id = {};".format
        return 3, (f"BEGIN; {one(a)} SAVEPOINT s; {one(b)} SAVEPOINT t; {one(c)} ROLLBACK TO t; {one(c)} RELEASE SAVEPOINT s; SAVEPOINT u; "
                   f"DELETE FROM odd.nested WHERE id < 50; INSERT INTO odd.mass (v) VALUES ('never'); ROLLBACK TO u; COMMIT")

    def prepare(self, chance):
        """An XA transaction left open while another one commits; then either way."""
        end = "COMMIT" if chance.random() < 0.7 else "ROLLBACK"
        name = f"odd-{self.number}"
        return 3, [f"XA START '{name}'; INSERT INTO odd.bag VALUES (77, 'prepared'); UPDATE odd.nested SET version = version + 1 WHERE id = "
                   f"{self.any_row(chance)}; XA END '{name}'; XA PREPARE '{name}'; XA {end} '{name}'",
                   "INSERT INTO odd.bag VALUES (78, 'meanwhile')"]

    def empty(self, chance):
        return 21, (f"INSERT IGNORE INTO odd.emptied VALUES (-1, 'short-lived'); TRUNCATE TABLE odd.emptied; BEGIN; INSERT INTO odd.emptied "
                    f"{series(20, f'''g, 'after {self.number}' ''')}; UPDATE odd.emptied SET v = 'u' WHERE id < 4; COMMIT")

    def mass(self, chance):
        """Larger than a batch, so that it is handed on before its end."""
        end = "ROLLBACK" if chance.random() < 0.2 else "COMMIT"
        return 10000, (f"BEGIN; INSERT INTO odd.mass (v) {series(5000, 'REPEAT(SHA2(g, 256), 3)')}; SAVEPOINT s; DELETE FROM odd.mass WHERE id < 4000; "
                       f"ROLLBACK TO s; DELETE FROM odd.mass ORDER BY id LIMIT 5000; {end}")


MYSQL_WORKLOADS = [MysqlBank, MysqlShop, MysqlOdd]
