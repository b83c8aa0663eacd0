-- The source of every task document in this folder.
CREATE SCHEMA hr; CREATE SCHEMA sales; CREATE SCHEMA sales_archive; CREATE SCHEMA "Test";
CREATE TABLE hr.employees (id int PRIMARY KEY, first_name text, last_name text, email varchar(100), salary numeric(10,2),
  hired date, phone varchar(20), ssn varchar(11), dept_id int, active boolean);
INSERT INTO hr.employees VALUES
  (1, 'Ann', 'Lee', 'ann@example.com', 5000.00, '2019-03-01', '555-0101', '123-45-6789', 10, true),
  (2, 'Bob', 'Ray', 'bob@example.com', 4200.50, '2020-06-15', '555-0102', '987-65-4321', 10, true),
  (3, 'Cem', NULL, NULL, 6100.00, '2021-01-04', NULL, NULL, 20, false),
  (4, 'Dot', 'Fox', 'dot@example.com', NULL, '2024-02-29', '555-0104', '000-11-2222', NULL, true);
CREATE TABLE hr.departments (id int PRIMARY KEY, name varchar(40) NOT NULL);
INSERT INTO hr.departments VALUES (10, 'Sales'), (20, 'Research');
CREATE TABLE hr.payroll_2023 (id int PRIMARY KEY, employee_id int, amount numeric(10,2));
CREATE TABLE hr.payroll_2024 (id int PRIMARY KEY, employee_id int, amount numeric(10,2));
INSERT INTO hr.payroll_2023 VALUES (1, 1, 5000), (2, 2, 4200.50);
INSERT INTO hr.payroll_2024 VALUES (1, 1, 5100);
CREATE TABLE sales.orders (id int PRIMARY KEY, customer_id int, status varchar(20), amount numeric(12,2), ordered timestamp,
  note text);
INSERT INTO sales.orders SELECT g, g % 3 + 1, CASE WHEN g % 2 = 0 THEN 'open' ELSE 'closed' END, g * 10.5,
  timestamp '2023-12-28 08:00' + g * interval '1 day', CASE WHEN g % 5 = 0 THEN NULL ELSE 'note ' || g END
  FROM generate_series(1, 10) g;
CREATE TABLE sales.order_items (order_id int, line int, product text, quantity int, PRIMARY KEY (order_id, line));
INSERT INTO sales.order_items SELECT g, 1, 'thing ' || g, g FROM generate_series(1, 10) g;
CREATE TABLE sales.customers (id int PRIMARY KEY, name text, city text, country char(2));
INSERT INTO sales.customers VALUES (1, 'Acme', 'Graz', 'AT'), (2, 'Bolt', 'Bonn', 'DE'), (3, 'Cars', NULL, 'FR');
CREATE TABLE sales.tmp_import (a int, b text);
INSERT INTO sales.tmp_import VALUES (1, 'x');
CREATE TABLE sales.measurements (id int, day date, v int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE sales.measurements_2023 PARTITION OF sales.measurements FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE sales.measurements_2024 PARTITION OF sales.measurements FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO sales.measurements SELECT g, date '2023-06-01' + g * 60, g FROM generate_series(1, 8) g;
CREATE VIEW sales.open_orders AS SELECT id, customer_id, amount FROM sales.orders WHERE status = 'open';
CREATE TABLE sales_archive.orders (id int PRIMARY KEY, amount numeric(12,2));
INSERT INTO sales_archive.orders VALUES (1, 1.5), (2, 2.5);
CREATE TABLE "Test"."DBO_Table" ("ID" int PRIMARY KEY, "Value" text);
INSERT INTO "Test"."DBO_Table" VALUES (1, 'one');
