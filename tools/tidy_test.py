# SPDX-License-Identifier: Apache-2.0
"""Shows each rule of tidy.py once with a file that breaks it and once with one that does not."""

import pathlib
import subprocess
import tempfile
import unittest

import tidy

ARCHITECTURE = """
<!-- include-table -->
| room | may include | its tests also |
|---|---|---|
| base | – | – |
| connect | base | – |
| connectors/X | base connect | – |
| engine | base connect | connectors/memory |
| main | all | all |
<!-- /include-table -->
"""
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = SPDX + "//\n// Says what it is.\n#pragma once\n"


def findings_of(files, exceptions=""):
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        files = {"ARCHITECTURE.md": ARCHITECTURE, "tools/tidy_exceptions.txt": exceptions,
                 "src/base/a.h": HEADER, "src/connect/a.h": HEADER, "src/connectors/memory/a.h": HEADER,
                 "src/engine/a.h": HEADER, **files}
        for path, text in files.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
        subprocess.run(["git", "init", "-q", folder], check=True)
        return [str(finding) for finding in tidy.check_tree(top)]


class Tidy(unittest.TestCase):
    def assert_only(self, findings, words):
        self.assertEqual(len(findings), 1, findings)
        self.assertIn(words, findings[0])

    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(findings_of({}), [])

    def test_an_include_outside_the_table_is_found(self):
        bad = SPDX + '#include "connectors/memory/a.h"\n'
        self.assert_only(findings_of({"src/engine/b.cc": bad}), "engine may not include connectors/memory")

    def test_tests_may_include_what_their_column_says(self):
        self.assertEqual(findings_of({"src/engine/b_test.cc": SPDX + '#include "connectors/memory/a.h"\n'}), [])

    def test_one_connector_may_not_include_another(self):
        bad = SPDX + '#include "connectors/memory/a.h"\n'
        self.assert_only(findings_of({"src/connectors/postgres/b.cc": bad}), "may not include connectors/memory")

    def test_main_may_include_all(self):
        self.assertEqual(findings_of({"src/main/b.cc": SPDX + '#include "connectors/memory/a.h"\n'}), [])

    def test_an_unknown_room_is_found(self):
        self.assert_only(findings_of({"src/attic/b.cc": SPDX}), "not in the include table")

    def test_a_relative_include_is_found(self):
        self.assert_only(findings_of({"src/engine/b.cc": SPDX + '#include "a.h"\n'}), "write the path from src/")

    def test_long_files_are_found(self):
        self.assert_only(findings_of({"src/base/b.cc": SPDX + "\n" * 600}), "601 lines; 600 is the limit")

    def test_long_functions_are_found_and_an_exception_is_a_ratchet(self):
        body = "namespace x {\nint long_one(int a) {\n" + "  a++;\n" * 69 + "}\n}\n"
        file = {"src/base/b.cc": SPDX + body}
        self.assert_only(findings_of(file), "long_one has 71 lines; 70 is the limit")
        self.assertEqual(findings_of(file, "src/base/b.cc:long_one 71 one table of states\n"), [])
        self.assert_only(findings_of(file, "src/base/b.cc:long_one 60 grew\n"), "60 is the limit")

    def test_an_exception_nobody_needs_is_found(self):
        self.assert_only(findings_of({}, "src/base/a.h:gone 80 was long\n"), "nobody needs the exception")

    def test_a_long_class_is_not_a_long_function(self):
        body = "class A final : public B<int> {\n public:\n" + "  int f() { return 1; }\n" * 90 + "};\n"
        self.assertEqual(findings_of({"src/base/b.cc": SPDX + body}), [])

    def test_a_long_table_is_not_a_long_function(self):
        body = "const T rows[] = {\n" + "  {f(1), 2},\n" * 90 + "};\n"
        self.assertEqual(findings_of({"src/base/b.cc": SPDX + body}), [])

    def test_banned_words_are_found_in_code_only(self):
        for word in ("std::thread t;", "std::jthread t;", "sleep_for(x);", "auto p = new int;", "delete p;",
                     "catch (...) {}", "using namespace std;", "std::regex r;", "throw 1;", "std::mutex m;"):
            with self.subTest(word):
                self.assert_only(findings_of({"src/engine/b.cc": SPDX + word + "\n"}), "banned")
                self.assertEqual(findings_of({"src/engine/b.cc": SPDX + f"// {word}\n"}), [])
        quoted = 'auto s = "delete from x; new"; auto c = \'"\'; A(const A&) = delete;\n'
        self.assertEqual(findings_of({"src/engine/b.cc": SPDX + quoted}), [])

    def test_a_loop_over_a_part_of_what_a_call_returned_is_found(self):
        for loop in ("for (auto& row : list(a, {}).take()) use(row);", "for (auto& row : *store->list(f(a))) use(row);"):
            with self.subTest(loop):
                self.assert_only(findings_of({"src/engine/b.cc": SPDX + loop + "\n"}), "give it a name")
        for loop in ("for (auto& row : TRY(list(a))) use(row);", "for (auto& row : rows) use(one(row).take());",
                     "for (auto& row : list(a)) use(row);", "for (auto& row : *rows) use(*one(row));"):
            with self.subTest(loop):
                self.assertEqual(findings_of({"src/engine/b.cc": SPDX + loop + "\n"}), [])

    def test_the_seam_is_kept_in_simulated_rooms(self):
        use = SPDX + "auto t = std::chrono::steady_clock::now();\n"
        self.assert_only(findings_of({"src/engine/b.cc": use}), "base::Clock")
        self.assertEqual(findings_of({"src/connect/b.cc": use}), [])

    def test_unfinished_work_is_found_in_comments_too(self):
        self.assert_only(findings_of({"src/base/b.cc": SPDX + "// TODO later\n"}), "TODO")

    def test_first_line_header_comment_and_names(self):
        self.assert_only(findings_of({"src/base/b.cc": "int a;\n"}), "first line")
        self.assert_only(findings_of({"src/base/b.h": SPDX + "#pragma once\n"}), "a header starts with a comment")
        self.assert_only(findings_of({"src/base/string_util.cc": SPDX}), "'util' in a file name")

    def test_error_codes_are_unique_and_used(self):
        row = 'inline constexpr base::Code {}{{"x.y", base::Kind::task, "z"}};\n'
        once = {"src/base/b.h": HEADER + row.format("alpha"), "src/base/b.cc": SPDX + "auto a = alpha;\n"}
        self.assertEqual(findings_of(once), [])
        self.assert_only(findings_of({"src/base/b.h": HEADER + row.format("alpha")}), "used by nobody")
        twice = {**once, "src/base/c.h": HEADER + row.format("beta"), "src/base/c.cc": SPDX + "auto b = beta;\n"}
        self.assert_only(findings_of(twice), "declared twice")


if __name__ == "__main__":
    unittest.main()
