// SPDX-License-Identifier: Apache-2.0
//
// Tests only: a throwaway MariaDB or MySQL on loopback with a binary log in row format and full metadata, made in a
// temporary folder and stopped (and removed) by the destructor, or by the kernel when the test dies. `root` has no
// password at the socket, `millrace` (password `millrace`) may do all over TCP. MariaDB is Debian's; MySQL is a folder
// into which its packages were unpacked, with their own libc (tests/services/mysql_server.sh, or $MILLRACE_MYSQL_ROOT).
//
//   static TestServer& server() { static TestServer one(Flavour::mariadb); return one; }
//   if (!server().running()) GTEST_SKIP() << server().problem();
//   SqlSession db(server());
//   db.run("CREATE TABLE t.a (i int)");
//
// One thread. SqlSession fails the test on an SQL error, except try_run(), which returns it.
#pragma once

#include <gtest/gtest.h>
#include <mysql.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/program_fixture.h"

namespace mysql_test {

namespace fs = std::filesystem;

enum class Flavour { mariadb, mysql };

inline fs::path mysql_root() {
  if (const char* given = std::getenv("MILLRACE_MYSQL_ROOT")) return given;
  const char* cache = std::getenv("MILLRACE_CACHE");
  const char* home = std::getenv("HOME");
  const fs::path of_user = fs::path(home != nullptr ? home : "/nonexistent") / ".cache/millrace";
  return (cache != nullptr ? fs::path(cache) : of_user) / "mysql-server";
}

class TestServer {
 public:
  // `settings`: further options, "--binlog-row-image=MINIMAL".
  explicit TestServer(Flavour flavour, std::vector<std::string> settings = {})
      : flavour_(flavour), settings_(std::move(settings)) {
    if (make_folder() && (flavour == Flavour::mariadb ? make_mariadb() : make_mysql())) start();
    if (running()) add_account();
  }
  ~TestServer() {
    stop();
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  bool running() const { return pid_ > 0; }
  bool is_mariadb() const { return flavour_ == Flavour::mariadb; }
  const std::string& problem() const { return problem_; }
  int port() const { return port_; }
  std::string data() const { return folder_ + "/data"; }
  std::string socket() const { return folder_ + "/s.sock"; }

  void start() {
    std::vector<std::string> words = command_;
    for (const std::string& word :
         {"--datadir=" + data(), "--socket=" + socket(), "--port=" + std::to_string(port_),
          std::string("--bind-address=127.0.0.1"), "--pid-file=" + folder_ + "/pid", std::string("--server-id=1"),
          std::string("--log-bin=binlog"), std::string("--binlog-format=ROW"),
          std::string("--binlog-row-metadata=FULL"), std::string("--innodb-flush-log-at-trx-commit=0"),
          std::string("--sync-binlog=0"), std::string("--innodb-buffer-pool-size=32M"),
          std::string("--local-infile=ON"), std::string("--character-set-server=utf8mb4"),
          std::string("--max-allowed-packet=1G")}) {
      words.push_back(word);
    }
    words.insert(words.end(), settings_.begin(), settings_.end());
    pid_ = base_test::run_program(words, folder_ + "/log", false);
    for (int attempt = 0; attempt < 1500; ++attempt) {
      if (answers()) return;
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) break;
      usleep(20000);
    }
    pid_ = 0;
    problem_ = "the server did not start, see " + folder_ + "/log";
  }
  void stop(int with = SIGTERM) {
    if (pid_ <= 0) return;
    int status = 0;
    kill(pid_, with);
    waitpid(pid_, &status, 0);
    pid_ = 0;
  }

 private:
  bool refuse(const std::string& problem) {
    problem_ = problem;
    return false;
  }
  bool answers() const {
    MYSQL* session = mysql_init(nullptr);
    const bool good = mysql_real_connect(session, nullptr, "root", "", nullptr, 0, socket().c_str(), 0) != nullptr;
    mysql_close(session);
    return good;
  }
  bool make_folder() {
    std::string pattern = (fs::temp_directory_path() / "millrace-my-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return refuse("no temporary folder");
    folder_ = pattern;
    fs::permissions(folder_, fs::perms::all);
    fs::create_directory(folder_ + "/tmp");  // of its own: a starting server removes the temporary tables it finds
    fs::permissions(folder_ + "/tmp", fs::perms::all);
    port_ = base_test::free_port();
    return true;
  }
  bool make_mariadb() {
    const std::string install = "/usr/bin/mariadb-install-db";
    if (!fs::exists("/usr/sbin/mariadbd") || !fs::exists(install)) return refuse("no MariaDB server in /usr/sbin");
    command_ = {"/usr/sbin/mariadbd", "--no-defaults", "--tmpdir=" + folder_ + "/tmp"};
    const std::vector<std::string> words{install,
                                         "--no-defaults",
                                         "--datadir=" + data(),
                                         "--tmpdir=" + folder_ + "/tmp",
                                         "--auth-root-authentication-method=normal",
                                         "--skip-test-db"};
    return base_test::run_program(words, folder_ + "/log", true) >= 0 || refuse("mariadb-install-db failed");
  }
  bool make_mysql() {
    fs::path root = mysql_root();
    std::error_code error;
    if (!fs::exists(root / "usr/sbin/mysqld", error)) return refuse("no MySQL server in " + root.string());
    if (geteuid() == 0 && root.string().starts_with("/root/")) root = reachable(root);
    const std::string usr = (root / "usr").string();
    command_ = {usr + "/lib64/ld-linux-x86-64.so.2",
                "--library-path",
                usr + "/lib/x86_64-linux-gnu",
                usr + "/sbin/mysqld",
                "--no-defaults",
                "--basedir=" + usr,
                "--tmpdir=" + folder_ + "/tmp",
                "--plugin-dir=" + usr + "/lib/mysql/plugin",
                "--lc-messages-dir=" + usr + "/share/mysql",
                "--character-sets-dir=" + usr + "/share/mysql/charsets",
                "--mysqlx=OFF",
                "--performance-schema=OFF",
                "--secure-file-priv="};
    std::vector<std::string> words = command_;
    words.push_back("--datadir=" + data());
    words.push_back("--initialize-insecure");
    return base_test::run_program(words, folder_ + "/log", true) >= 0 || refuse("mysqld --initialize failed");
  }
  // The unprivileged user may not see into root's home: then the release is linked beside the data.
  fs::path reachable(const fs::path& root) const {
    const fs::path beside = folder_ + "/release";
    std::error_code error;
    const auto links = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
    fs::copy(root, beside, links | fs::copy_options::create_hard_links, error);
    if (error) fs::copy(root, beside, links | fs::copy_options::overwrite_existing, error);
    return beside;
  }
  void add_account();

  const Flavour flavour_;
  const std::vector<std::string> settings_;
  std::vector<std::string> command_;
  std::string folder_;
  std::string problem_;
  int port_ = 0;
  pid_t pid_ = 0;
};

using Row = std::vector<std::optional<std::string>>;

class SqlSession {
 public:
  explicit SqlSession(const TestServer& server) : connection_(mysql_init(nullptr)) {
    mysql_options(connection_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    EXPECT_NE(mysql_real_connect(connection_, nullptr, "root", "", nullptr, 0, server.socket().c_str(),
                                 CLIENT_MULTI_STATEMENTS),
              nullptr)
        << mysql_error(connection_);
    run("SET time_zone = '+00:00'");
  }
  ~SqlSession() { mysql_close(connection_); }
  SqlSession(const SqlSession&) = delete;
  SqlSession& operator=(const SqlSession&) = delete;

  void run(const std::string& sql) { EXPECT_EQ(try_run(sql), "") << sql.substr(0, 2000); }
  // The server's message, empty on success. May be several statements.
  std::string try_run(const std::string& sql) {
    int status = mysql_real_query(connection_, sql.data(), sql.size());
    for (; status == 0; status = mysql_next_result(connection_)) {
      if (MYSQL_RES* result = mysql_store_result(connection_)) mysql_free_result(result);
    }
    return status > 0 ? mysql_error(connection_) : "";
  }
  // Tries for some seconds: until the server has let go of another session.
  void run_patiently(const std::string& sql) {
    std::string problem = try_run(sql);
    for (int attempt = 0; attempt < 500 && !problem.empty(); ++attempt) {
      usleep(10000);
      problem = try_run(sql);
    }
    EXPECT_EQ(problem, "") << sql;
  }
  std::vector<Row> rows(const std::string& sql) {
    EXPECT_EQ(mysql_real_query(connection_, sql.data(), sql.size()), 0) << mysql_error(connection_) << sql;
    MYSQL_RES* result = mysql_store_result(connection_);
    std::vector<Row> found;
    if (result == nullptr) return found;
    while (MYSQL_ROW row = mysql_fetch_row(result)) {
      const unsigned long* sizes = mysql_fetch_lengths(result);
      Row& made = found.emplace_back();
      for (unsigned i = 0; i < mysql_num_fields(result); ++i) {
        made.push_back(row[i] != nullptr ? std::optional(std::string(row[i], sizes[i])) : std::nullopt);
      }
    }
    mysql_free_result(result);
    return found;
  }
  std::string one(const std::string& sql) {
    const std::vector<Row> found = rows(sql);
    return found.empty() || found[0].empty() ? "" : found[0][0].value_or("");
  }

 private:
  MYSQL* connection_;
};

inline void TestServer::add_account() {
  SqlSession db(*this);
  db.run(
      "CREATE USER millrace@'%' IDENTIFIED BY 'millrace'; GRANT ALL ON *.* TO millrace@'%' WITH GRANT OPTION; "
      "CREATE DATABASE t");
}

// The events of all its binary logs, without their files' first four bytes.
inline std::vector<std::string> logged_events(const TestServer& server) {
  std::vector<std::string> events;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(server.data())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("binlog.0")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t at = 4; at + 19 <= bytes.size();) {
      std::uint32_t size = 0;
      std::memcpy(&size, bytes.data() + at + 9, sizeof size);
      if (size < 19 || size > bytes.size() - at) break;
      events.push_back(bytes.substr(at, size));
      at += size;
    }
  }
  return events;
}

}  // namespace mysql_test
