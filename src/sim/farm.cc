// SPDX-License-Identifier: Apache-2.0
#include "sim/farm.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <sstream>

namespace sim {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What one process does with its share. A line each: "run SEED", "fail SEED FINDING", "point N BEFORE AFTER PASSED",
// "step BEFORE AFTER PASSED NAME", "steps N", "end".
class Worker {
 public:
  Worker(const FarmOrder& order, int pipe) : order_(order), out_(::fdopen(pipe, "w")) {}

  void run(std::size_t first) {
    const double began = seconds_now();
    std::uint64_t steps = 0;
    for (std::uint64_t i = first; i < order_.count; i += order_.processes) {
      if (order_.minutes > 0 && seconds_now() - began > double(order_.minutes) * 60) break;
      const std::uint64_t seed = order_.from + i;
      say(fmt::format("run {}", seed));
      const RunPlan plan = draw_plan(seed);
      const RunReport report = run_plan(plan, false, crashes_);
      steps += report.steps;
      if (!report.ok()) {
        const std::string& finding = report.findings.front();
        say(fmt::format("fail {} {}", seed, finding.substr(0, finding.find('\n'))));
      } else if (order_.twice && run_plan(plan, false, crashes_).checksum != report.checksum) {
        say(fmt::format("fail {} determinism: a second run went another way", seed));
      }
    }
    for (std::size_t i = 0; i < crashes_.points.size(); ++i)
      say("point " + std::to_string(i) + text_of(crashes_.points[i]));
    for (const auto& [name, counts] : crashes_.steps) say("step" + text_of(counts) + " " + name);
    say(fmt::format("steps {}", steps));
    say("end");
    std::fclose(out_);
  }

 private:
  static std::string text_of(const CrashCounts& counts) {
    return fmt::format(" {} {} {}", counts.before, counts.after, counts.passed);
  }
  void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), out_);
    std::fflush(out_);
  }
  const FarmOrder& order_;
  std::FILE* out_;
  CrashReport crashes_;
};

// The other end of a worker's pipe.
struct Line {
  pid_t process = -1;
  int pipe = -1;
  std::string pending;
  std::uint64_t seed = 0;
  bool has_ended = false;
};

class Farm {
 public:
  Farm(const FarmOrder& order, const std::function<void(const Failure&)>& on_failure)
      : order_(order), on_failure_(on_failure) {}

  FarmReport run() {
    std::fflush(nullptr);
    for (std::size_t i = 0; i < order_.processes; ++i) start(i);
    while (read_some()) {
    }
    for (Line& line : lines_) {
      int status = 0;
      ::waitpid(line.process, &status, 0);
      if (!line.has_ended || status != 0) {
        fail({line.seed, fmt::format("died: the simulator itself ended with {}", status)});
      }
    }
    return std::move(report_);
  }

 private:
  void start(std::size_t number) {
    int ends[2] = {-1, -1};
    ENSURE(::pipe(ends) == 0);
    const pid_t process = ::fork();
    ENSURE(process >= 0);
    if (process == 0) {
      ::close(ends[0]);
      Worker(order_, ends[1]).run(number);
      ::_exit(0);
    }
    ::close(ends[1]);
    lines_.push_back({process, ends[0], "", 0, false});
  }

  // False: all have closed their ends.
  bool read_some() {
    std::vector<pollfd> waited;
    for (const Line& line : lines_) {
      if (line.pipe >= 0) waited.push_back({line.pipe, POLLIN, 0});
    }
    if (waited.empty()) return false;
    if (::poll(waited.data(), nfds_t(waited.size()), -1) < 0) return true;
    for (const pollfd& one : waited) {
      if (one.revents == 0) continue;
      for (Line& line : lines_) {
        if (line.pipe == one.fd) read(line);
      }
    }
    return true;
  }

  void read(Line& line) {
    char bytes[4096];
    const ssize_t count = ::read(line.pipe, bytes, sizeof bytes);
    if (count <= 0) {
      ::close(line.pipe);
      line.pipe = -1;
      return;
    }
    line.pending.append(bytes, std::size_t(count));
    for (std::size_t end = line.pending.find('\n'); end != std::string::npos; end = line.pending.find('\n')) {
      take(line, line.pending.substr(0, end));
      line.pending.erase(0, end + 1);
    }
  }

  void take(Line& line, const std::string& text) {
    std::istringstream in(text);
    std::string word;
    in >> word;
    if (word == "run") {
      in >> line.seed;
      report_.seeds += 1;
    } else if (word == "fail") {
      Failure failure;
      in >> failure.seed >> std::ws;
      std::getline(in, failure.finding);
      fail(failure);
    } else if (word == "point") {
      std::size_t number = 0;
      CrashCounts counts;
      in >> number >> counts.before >> counts.after >> counts.passed;
      if (number < report_.crashes.points.size()) report_.crashes.points[number].add(counts);
    } else if (word == "step") {
      CrashCounts counts;
      std::string name;
      in >> counts.before >> counts.after >> counts.passed >> std::ws;
      std::getline(in, name);
      report_.crashes.steps[name].add(counts);
    } else if (word == "steps") {
      std::uint64_t steps = 0;
      in >> steps;
      report_.steps += steps;
    } else if (word == "end") {
      line.has_ended = true;
    }
  }

  void fail(const Failure& failure) {
    report_.failures.push_back(failure);
    on_failure_(failure);
  }

  const FarmOrder& order_;
  const std::function<void(const Failure&)>& on_failure_;
  std::vector<Line> lines_;
  FarmReport report_;
};

}  // namespace

FarmReport run_farm(const FarmOrder& order, const std::function<void(const Failure&)>& on_failure) {
  return Farm(order, on_failure).run();
}

std::vector<std::string> points_missed(const CrashReport& crashes) {
  std::vector<std::string> missed;
  for (std::size_t i = 0; i < crash_points().size(); ++i) {
    const CrashPoint& point = crash_points()[i];
    if (point.not_driven[0] == '\0' && crashes.points[i].died() == 0) missed.emplace_back(point.name);
  }
  return missed;
}

std::string print_points(const CrashReport& crashes) {
  std::string text = "crash points: died before, died after, passed\n";
  for (std::size_t i = 0; i < crash_points().size(); ++i) {
    const CrashPoint& point = crash_points()[i];
    const CrashCounts& counts = crashes.points[i];
    const char* const mark = point.not_driven[0] != '\0' ? point.not_driven : counts.died() == 0 ? "NEVER HIT" : "";
    text += fmt::format("{:>7} {:>7} {:>9}  {}{}{}\n", counts.before, counts.after, counts.passed, point.name,
                        mark[0] == '\0' ? "" : "   ", mark);
  }
  return text;
}

}  // namespace sim
