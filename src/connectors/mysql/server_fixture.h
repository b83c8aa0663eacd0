// SPDX-License-Identifier: Apache-2.0
//
// Tests only: a throwaway MariaDB or MySQL on loopback with an account `test` that may do everything, made in a
// temporary folder and stopped (and removed) by the destructor, or by the kernel when the test dies. MariaDB is
// Debian's; MySQL is what tests/services/mysql_server.sh has unpacked ($MILLRACE_MYSQL_ROOT: elsewhere), and absent
// otherwise.
//
//   if (!server.running()) GTEST_SKIP() << server.problem();
//   SqlSession db(server);
//   db.run("CREATE TABLE t (a int)");  EXPECT_EQ(db.one("SELECT count(*) FROM t"), "0");
//
// One thread. SqlSession fails the test on an SQL error, except try_run(), which returns it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/program_fixture.h"
#include "connectors/mysql/connection.h"

namespace mysql_test {

namespace fs = std::filesystem;

enum class Kind { mariadb, mysql };

class TestServer {
 public:
  explicit TestServer(Kind kind, const std::vector<std::string>& settings = {}) : kind_(kind), settings_(settings) {
    if (make()) start();
  }
  ~TestServer() {
    stop();
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  bool running() const { return pid_ > 0; }
  const std::string& problem() const { return problem_; }
  int port() const { return port_; }
  Kind kind() const { return kind_; }
  mysql::ConnectionSettings settings(const std::string& user = "test") const {
    mysql::ConnectionSettings made;
    made.host = "127.0.0.1";
    made.port = port_;
    made.user = user;
    made.password = "secret";
    return made;
  }

  // Starts (again) and waits until it answers.
  void start() {
    std::vector<std::string> words = program();
    for (const std::string& word :
         {std::string("--bind-address=127.0.0.1"), "--port=" + std::to_string(port_), "--socket=" + folder_ + "/sock",
          "--pid-file=" + folder_ + "/pid", "--init-file=" + folder_ + "/init.sql", std::string("--server-id=1"),
          std::string("--log-bin=binlog"), std::string("--binlog-format=ROW"), std::string("--skip-name-resolve"),
          std::string("--character-set-server=utf8mb4"), std::string("--innodb-flush-log-at-trx-commit=0"),
          std::string("--sync-binlog=0"), std::string("--innodb-buffer-pool-size=64M"),
          std::string("--local-infile=ON"), std::string("--max-allowed-packet=64M")}) {
      words.push_back(word);
    }
    if (kind_ == Kind::mysql) {
      for (const char* word : {"--mysqlx=OFF", "--performance-schema=OFF", "--secure-file-priv=", "--gtid-mode=ON",
                               "--enforce-gtid-consistency=ON"}) {
        words.push_back(word);
      }
    }
    words.insert(words.end(), settings_.begin(), settings_.end());
    pid_ = base_test::run_program(words, folder_ + "/log", false, SIGKILL, kind_ == Kind::mariadb);
    for (int attempt = 0; attempt < 1500; ++attempt) {
      if (mysql::Connection::open(settings()).ok()) return;
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) break;
      usleep(20000);
    }
    pid_ = 0;
    refuse("the server did not start, see " + folder_ + "/log");
    folder_.clear();  // stays, to be looked at
  }
  void stop() {
    if (pid_ <= 0) return;
    int status = 0;
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    pid_ = 0;
  }

 private:
  bool refuse(const std::string& problem) {
    problem_ = problem;
    return false;
  }

  std::vector<std::string> program() const {
    if (kind_ == Kind::mariadb)
      return {"/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + folder_ + "/data", "--tmpdir=" + folder_ + "/tmp"};
    std::vector<std::string> words = {root_ + "/usr/lib64/ld-linux-x86-64.so.2",
                                      "--library-path",
                                      root_ + "/usr/lib/x86_64-linux-gnu",
                                      root_ + "/usr/sbin/mysqld",
                                      "--no-defaults",
                                      "--basedir=" + root_ + "/usr",
                                      "--datadir=" + folder_ + "/data",
                                      "--tmpdir=" + folder_ + "/tmp",
                                      "--plugin-dir=" + root_ + "/usr/lib/mysql/plugin",
                                      "--lc-messages-dir=" + root_ + "/usr/share/mysql",
                                      "--character-sets-dir=" + root_ + "/usr/share/mysql/charsets"};
    if (geteuid() == 0) words.push_back("--user=root");
    return words;
  }

  bool make() {
    std::string pattern = (fs::temp_directory_path() / "millrace-my-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return refuse("no temporary folder");
    folder_ = pattern;
    fs::permissions(folder_, fs::perms::all);
    fs::create_directory(folder_ + "/tmp");  // of its own: a starting server removes the temporary tables it finds
    fs::permissions(folder_ + "/tmp", fs::perms::all);
    port_ = base_test::free_port();
    std::ofstream(folder_ + "/init.sql") << "CREATE USER IF NOT EXISTS test@'%' IDENTIFIED BY 'secret';\n"
                                            "GRANT ALL ON *.* TO test@'%' WITH GRANT OPTION;\n";
    if (kind_ == Kind::mariadb) {
      const std::string maker = "/usr/bin/mariadb-install-db";
      if (!fs::exists(maker) || !fs::exists("/usr/sbin/mariadbd")) return refuse("no MariaDB server");
      const std::vector<std::string> words = {maker,
                                              "--no-defaults",
                                              "--datadir=" + folder_ + "/data",
                                              "--tmpdir=" + folder_ + "/tmp",
                                              "--skip-test-db",
                                              "--auth-root-authentication-method=normal"};
      return base_test::run_program(words, folder_ + "/log", true) > 0 || refuse("mariadb-install-db failed");
    }
    const char* given = std::getenv("MILLRACE_MYSQL_ROOT");
    const char* home = std::getenv("HOME");
    root_ = given != nullptr ? given : std::string(home != nullptr ? home : "") + "/.cache/millrace/mysql-server";
    if (!fs::exists(root_ + "/usr/sbin/mysqld")) return refuse("no MySQL server in " + root_);
    std::vector<std::string> words = program();
    words.push_back("--initialize-insecure");
    return base_test::run_program(words, folder_ + "/log", true, SIGKILL, false) > 0 ||
           refuse("mysqld --initialize failed, see " + folder_ + "/log");
  }

  const Kind kind_;
  const std::vector<std::string> settings_;
  std::string root_;  // of MySQL's files
  std::string folder_;
  std::string problem_;
  int port_ = 0;
  pid_t pid_ = 0;
};

class SqlSession {
 public:
  explicit SqlSession(const TestServer& server) : connection_(mysql::Connection::open(server.settings())) {
    EXPECT_TRUE(connection_.ok()) << connection_.error().text();
  }

  void run(const std::string& sql) { EXPECT_EQ(try_run(sql), "") << sql; }
  // The server's message, empty on success. Several statements are divided by "; ".
  std::string try_run(const std::string& sql) {
    const auto done = connection_->execute(sql);
    return done.ok() ? "" : connection_->last_message();
  }
  // First column of the first row; "" when there is none (or NULL).
  std::string one(const std::string& sql) {
    const auto value = connection_->query_value(sql);
    EXPECT_TRUE(value.ok()) << value.error().text() << connection_->last_message() << sql;
    return value.ok() ? value.value().value_or("") : "";
  }
  mysql::Connection& connection() { return *connection_; }

 private:
  base::Result<mysql::Connection> connection_;
};

}  // namespace mysql_test
