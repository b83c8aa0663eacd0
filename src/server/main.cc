// SPDX-License-Identifier: Apache-2.0
//
// The server's program. It is not `millrace` itself, because that loads the libraries of every connector; `millrace
// serve` becomes this program, and this one starts `millrace` for each task.
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/disk.h"
#include "server/certificates.h"
#include "server/command_line.h"
#include "server/courier.h"
#include "server/errors.h"
#include "server/supervisor.h"
#include "server/users.h"

namespace server {
namespace {

using base::Result;

constexpr long signal_step_ns = 200'000'000;

class ConsoleLog final : public base::Log {
 public:
  void write(base::Level level, std::string_view component, std::string_view text) override {
    constexpr const char* names[] = {"debug", "info", "warning", "error"};
    std::string line =
        fmt::format("{} {} {}: ", base::utc_text(clock_.wall(), 3), names[static_cast<int>(level)], component);
    for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    base::Lock lock(mutex_);
    std::fprintf(stderr, "%s\n", line.c_str());
  }

 private:
  base::SystemClock clock_;
  base::Mutex mutex_;
};

struct DataDir {
  std::string path;
  OpenFile lock;
};

Result<std::string> made_folder(const std::string& given) {
  std::error_code code;
  const std::filesystem::path path = std::filesystem::absolute(given, code).lexically_normal();
  if (!code && std::filesystem::create_directories(path, code)) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, code);  // it holds keys and who has them
  }
  if (code) return base::failed(errors::bad_data_dir, "{}: {}", given, code.message());
  std::string text = path.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

Result<DataDir> locked_folder(const std::string& given) {
  DataDir out;
  out.path = TRY(made_folder(given));
  out.lock = OpenFile(::open((out.path + "/server.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (out.lock.number() < 0) return base::failed(errors::bad_data_dir, "{} cannot be written", out.path);
  if (::flock(out.lock.number(), LOCK_EX | LOCK_NB) != 0) return base::failed(errors::in_use, "{}", out.path);
  return out;
}

Result<Seal> seal_of(const Command& command, const std::string& data_dir) {
  return command.key_from.empty() ? Seal::of_data_dir(data_dir) : Seal::of_source(command.key_from);
}

// Of a server, with the lock on its folder held.
Result<Owner> owner_of(const std::string& data_dir) {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return Owner{TRY(made_once(data_dir + "/server.id")), fmt::format("the server of {} on {}", data_dir, host)};
}

Result<std::unique_ptr<Store>> open_store(const Command& command, const std::string& data_dir, const Seal& seal,
                                          const std::optional<Owner>& owner) {
  ::unsetenv("MILLRACE_STORE");  // as MILLRACE_KEY
  auto database =
      command.store == "sqlite" ? TRY(open_sqlite(data_dir + "/store.sqlite")) : TRY(open_postgres(command.store));
  return Store::open(std::move(database), seal.mark(), owner);
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Result<ListenSettings> listen_settings(const Command& command, const std::string& data_dir) {
  ListenSettings out;
  const std::size_t colon = command.listen.rfind(':');
  out.host = command.listen.substr(0, colon);
  if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']')
    out.host = out.host.substr(1, out.host.size() - 2);
  const std::string port = colon == std::string::npos ? "" : command.listen.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoi(port) > 65535 || out.host.empty()) {
    return base::failed(errors::bad_usage, "--listen {} is not HOST:PORT", command.listen);
  }
  out.port = std::stoi(port);
  if (command.plain_http) {
    if (is_loopback(out.host)) return out;
    return base::failed(errors::bad_usage, "--plain-http goes with a loopback address only, not {}", out.host);
  }
  out.certificate = command.certificate;
  out.key = command.key;
  if (!out.certificate.empty()) return out;
  const TlsFiles files = TRY(own_certificate(data_dir, out.host));
  out.certificate = files.certificate;
  out.key = files.key;
  return out;
}

Result<void> announce(const ListenSettings& settings, int port, const std::string& data_dir) {
  const bool tls = !settings.certificate.empty();
  const std::string host = settings.host.find(':') == std::string::npos ? settings.host : "[" + settings.host + "]";
  std::printf("millrace serves %s://%s:%d, data directory %s\n", tls ? "https" : "http", host.c_str(), port,
              data_dir.c_str());
  if (tls) {
    std::printf("certificate %s, SHA-256 %s\n", settings.certificate.c_str(),
                TRY(fingerprint(settings.certificate)).c_str());
  }
  std::fflush(stdout);
  return {};
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

void wait_for_signal(const std::stop_token& failed) {
  const sigset_t set = ending_signals();
  const timespec step{0, signal_step_ns};
  while (!failed.stop_requested()) {
    if (::sigtimedwait(&set, nullptr, &step) > 0) return;
  }
}

std::string some_digits(std::size_t count) {
  std::string out;
  while (out.size() < count) {
    for (const char c : random_hex(16)) {
      if (c >= '0' && c <= '9' && out.size() < count) out += c;
    }
  }
  return out;
}

Result<int> serve(const Command& command) {
  const DataDir folder = TRY(locked_folder(command.data_dir));
  const ListenSettings settings = TRY(listen_settings(command, folder.path));
  const Seal seal = TRY(seal_of(command, folder.path));
  ::unsetenv("MILLRACE_KEY");  // no thread is there yet; children must not have it
  // Only they read secrets.
  if (!command.secrets.empty()) ::setenv("MILLRACE_SECRETS", command.secrets.c_str(), 1);
  const auto store = TRY(open_store(command, folder.path, seal, TRY(owner_of(folder.path))));
  base::SystemClock clock;
  base::SystemRandom random;
  ConsoleLog log;
  std::error_code code;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", code);
  const std::string program = (own.parent_path() / "millrace").string();
  StandingWorker worker(program);
  const std::string account = TRY(store->fact("account", [] { return some_digits(12); }));
  const std::string unique_account = TRY(store->fact("unique account", [] { return random_hex(6); }));
  Ground ground{.store = *store,
                .seal = seal,
                .clock = clock,
                .random = random,
                .log = log,
                .data_dir = folder.path,
                .program = program,
                .account = account,
                .unique_account = unique_account,
                .webhook = command.webhook,
                .sns_endpoint = command.sns_endpoint,
                .results = command.results,
                .on_change = {},
                .worker = worker};
  Supervisor supervisor(ground);
  ground.on_change = [&] { supervisor.wake(); };
  const auto front = TRY(Front::open(ground, command.limits));
  const auto http = TRY(HttpServer::open(settings, *front));
  TRY(announce(settings, http->port(), folder.path));
  base::TaskGroup group;
  group.spawn("http", [&](const std::stop_token& stop) { return http->run(stop); });
  if (!ground.webhook.empty() || !ground.sns_endpoint.empty()) {
    group.spawn("courier", [&](const std::stop_token& stop) { return Courier(ground).run(stop); });
  }
  group.spawn("supervisor", [&](const std::stop_token& stop) { return supervisor.run(stop); });
  wait_for_signal(group.stop_token());
  group.request_stop();
  supervisor.wake();
  TRY(group.join());
  TRY(store->release());
  return 0;
}

Result<int> user_command(const Command& command) {
  const std::string folder = TRY(made_folder(command.data_dir));
  const Seal seal = TRY(seal_of(command, folder));
  const auto store = TRY(open_store(command, folder, seal, std::nullopt));
  if (command.kind == Command::Kind::list_users) {
    for (const User& user : TRY(store->users())) {
      const std::string end = user.expires == 0 ? "" : "  expires " + base::utc_text(user.expires, 0) + " UTC";
      const std::string bounds = user.bounds.empty() ? "" : "  only " + TRY(Bounds::of_stored(user.bounds)).text();
      std::printf("%-24s %-24s %-14s%s%s\n", user.name.c_str(), user.access_key.c_str(), user.role.c_str(), end.c_str(),
                  bounds.c_str());
    }
    return 0;
  }
  if (command.kind == Command::Kind::remove_user) {
    if (TRY(store->remove_user(command.user.name))) return 0;
    return base::failed(errors::refused, "there is no user {}", command.user.name);
  }
  base::SystemClock clock;
  const NewKey key = TRY(add_user(*store, seal, clock, command.user));
  if (command.json) {
    json out{{"AccessKeyId", key.access_key}, {"SecretAccessKey", key.secret_key}};
    if (!key.session_token.empty()) out["SessionToken"] = key.session_token;
    std::printf("%s\n", out.dump().c_str());
    return 0;
  }
  std::printf("AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", key.access_key.c_str(), key.secret_key.c_str());
  if (!key.session_token.empty()) std::printf("AWS_SESSION_TOKEN=%s\n", key.session_token.c_str());
  return 0;
}

// A file for each connection, and enough beside them for the store and for children.
void allow_open_files() {
  constexpr rlim_t wanted = 16384;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<int> run_command(const Command& command) {
  switch (command.kind) {
    case Command::Kind::serve: return serve(command);
    case Command::Kind::task: return run_task_command(command.task);
    case Command::Kind::status: return run_status(command.status);
    default: return user_command(command);
  }
}

}  // namespace
}  // namespace server

int main(int argc, char** argv) {
  const sigset_t set = server::ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  mallopt(M_ARENA_MAX, 2);
  server::allow_open_files();
  const auto parsed = server::parse_command_line(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const server::Command& command = std::get<server::Command>(parsed);
  // Whoever waits for a task may give up.
  if (command.kind == server::Command::Kind::task) pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  const auto outcome = server::run_command(command);
  if (outcome.ok()) return *outcome;
  std::fprintf(stderr, "error %s\n  %s\n", outcome.error().text().c_str(),
               std::string(outcome.error().code->advice).c_str());
  return outcome.error().kind() == base::Kind::input ? 2 : 1;
}
