// SPDX-License-Identifier: Apache-2.0
//
// millrace_sim: runs seeds of the simulator and says what they found.
//
//   millrace_sim --seeds N [--from S] [--minutes M] [--twice]   exit code 1 when a seed fails
//   millrace_sim --seed S [--trace] [cuts]                      one seed, event by event
//
// The first seed that fails is shrunk and printed with the end of its trace.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "sim/shrink.h"

namespace {

// Which planted fault is switched on (tools/sim/plant_faults.py); 0: none. Only millrace_sim_planted asks.
int fault_number = 0;

struct Arguments {
  std::uint64_t from = 1, seeds = 100, minutes = 0;
  bool is_single = false, trace = false, twice = false, crashes = false, first = false;
  sim::Cuts cuts;
};

bool parse(int count, char** words, Arguments& arguments) {
  std::uint64_t fault = 0, seed = 0, transactions = ~0ULL, lives = ~0ULL, sessions = ~0ULL;
  const std::map<std::string, std::uint64_t*> numbers = {
      {"--seeds", &arguments.seeds},
      {"--from", &arguments.from},
      {"--minutes", &arguments.minutes},
      {"--seed", &seed},
      {"--fault", &fault},
      {"--cut-transactions", &transactions},
      {"--cut-lives", &lives},
      {"--cut-sessions", &sessions},
  };
  const std::map<std::string, bool*> switches = {
      {"--trace", &arguments.trace},
      {"--twice", &arguments.twice},
      {"--crashes", &arguments.crashes},
      {"--first", &arguments.first},
      {"--calm", &arguments.cuts.calm_weather},
      {"--straight", &arguments.cuts.few_switches},
  };
  for (int i = 1; i < count; ++i) {
    const auto number = numbers.find(words[i]);
    const auto on = switches.find(words[i]);
    if (number != numbers.end() && i + 1 < count) {
      *number->second = std::strtoull(words[++i], nullptr, 10);
    } else if (on != switches.end()) {
      *on->second = true;
    } else {
      return false;
    }
  }
  arguments.is_single = seed != 0;
  if (seed != 0) {
    arguments.from = seed;
    arguments.seeds = 1;
  }
  fault_number = int(fault);
  arguments.cuts.transactions = std::int64_t(transactions);
  arguments.cuts.lives = std::int64_t(lives);
  arguments.cuts.sessions = std::int64_t(sessions);
  return true;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void print_shrunk(std::uint64_t seed, const sim::Cuts& cuts) {
  constexpr std::size_t lines_max = 60;
  const sim::Shrunk shrunk = sim::shrink(seed, cuts);
  print(fmt::format("--- the smallest run of it that fails alike ({} runs tried)\n", shrunk.runs));
  print(sim::describe(sim::draw_plan(seed, shrunk.cuts)));
  const std::vector<std::string>& lines = shrunk.report.lines;
  for (std::size_t i = lines.size() > lines_max ? lines.size() - lines_max : 0; i < lines.size(); ++i) {
    print(lines[i] + "\n");
  }
  print(fmt::format("--- all of it: ./dev sim --seed {} --trace{}\n", seed, sim::arguments_of(shrunk.cuts)));
}

class Runner {
 public:
  explicit Runner(const Arguments& arguments) : arguments_(arguments) {}

  int run() {
    const double began = seconds_now();
    std::uint64_t count = 0;
    for (; count < arguments_.seeds; ++count) {
      if (arguments_.minutes > 0 && seconds_now() - began > double(arguments_.minutes) * 60) break;
      run_seed(arguments_.from + count);
      if (!arguments_.first || failed_ == 0) continue;
      count += 1;
      break;
    }
    if (arguments_.crashes) print_crashes();
    print(fmt::format("{} seeds, {} failed, {:.1f} s, {:.2f} million steps\n", count, failed_, seconds_now() - began,
                      double(steps_) / 1e6));
    return failed_ == 0 ? 0 : 1;
  }

 private:
  void run_seed(std::uint64_t seed) {
    const sim::RunPlan plan = sim::draw_plan(seed, arguments_.cuts);
    const sim::RunReport report = sim::run_plan(plan, arguments_.trace, crashes_);
    steps_ += report.steps;
    if (arguments_.trace) {
      print(sim::describe(plan));
      for (const std::string& line : report.lines) print(line + "\n");
    }
    if (arguments_.is_single || arguments_.trace) {
      print(fmt::format("seed {}: checksum {:016x}, {} steps, {:.1f} simulated seconds, {} commits\n", seed,
                        report.checksum, report.steps, double(report.time.count()) / 1e9, report.commits_shown));
    }
    bool is_good = report.ok();
    for (const std::string& finding : report.findings) print(fmt::format("seed {}: FAILED: {}\n", seed, finding));
    if (arguments_.twice && sim::run_plan(plan, false, crashes_).checksum != report.checksum) {
      is_good = false;
      print(fmt::format("seed {}: FAILED: a second run went another way\n", seed));
    }
    if (is_good) return;
    failed_ += 1;
    if (failed_ == 1 && !arguments_.first && !arguments_.trace && !report.ok()) print_shrunk(seed, arguments_.cuts);
    std::fflush(stdout);
  }

  void print_crashes() const {
    for (const auto& [point, counts] : crashes_.steps) {
      print(fmt::format("{:<60} passed {}, died before {}, after {}\n", point, counts.passed, counts.before,
                        counts.after));
    }
  }

  const Arguments& arguments_;
  sim::CrashReport crashes_;
  std::uint64_t failed_ = 0, steps_ = 0;
};

}  // namespace

int planted_fault();
int planted_fault() { return fault_number; }

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::fputs(
        "usage: millrace_sim --seeds N [--from S] [--minutes M] [--twice] [--crashes]\n"
        "       millrace_sim --seed S [--trace] [--cut-transactions N] [--cut-lives N] [--cut-sessions N]\n"
        "                    [--calm] [--straight]\n",
        stderr);
    return 2;
  }
  return Runner(arguments).run();
}
