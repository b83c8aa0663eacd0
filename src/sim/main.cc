// SPDX-License-Identifier: Apache-2.0
//
// millrace_sim: runs seeds of the simulator and says what they found.
//
//   millrace_sim --seeds N [--from S] [--minutes M] [--twice]   exit code 1 when a seed fails
//   millrace_sim --seed S --trace                               one seed, event by event
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "sim/run.h"

namespace {

// Which planted fault is switched on (tools/sim/plant_faults.py); 0: none. Only millrace_sim_planted asks.
int fault_number = 0;

struct Arguments {
  std::uint64_t from = 1, seeds = 100;
  double minutes = 0;
  bool is_single = false, trace = false, twice = false, crashes = false, first = false;
};

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto number = [&] { return i + 1 < count ? std::strtoull(words[++i], nullptr, 10) : 0; };
    if (word == "--seeds") {
      arguments.seeds = number();
    } else if (word == "--from") {
      arguments.from = number();
    } else if (word == "--seed") {
      arguments.from = number();
      arguments.seeds = 1;
      arguments.is_single = true;
    } else if (word == "--minutes") {
      arguments.minutes = i + 1 < count ? std::atof(words[++i]) : 0;
    } else if (word == "--fault") {
      fault_number = int(number());
    } else if (word == "--first") {
      arguments.first = true;
    } else if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--twice") {
      arguments.twice = true;
    } else if (word == "--crashes") {
      arguments.crashes = true;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int planted_fault();
int planted_fault() { return fault_number; }

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::fprintf(stderr,
                 "usage: millrace_sim --seeds N [--from S] [--minutes M] [--twice] [--crashes]\n"
                 "       millrace_sim --seed S [--trace]\n");
    return 2;
  }
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  sim::CrashReport crashes;
  std::uint64_t failed = 0, run = 0, steps = 0;
  for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    if (arguments.minutes > 0 && seconds() > arguments.minutes * 60) break;
    const sim::RunPlan plan = sim::draw_plan(seed, {});
    const sim::RunReport report = sim::run_plan(plan, arguments.trace, crashes);
    run += 1;
    steps += report.steps;
    if (arguments.trace) {
      std::printf("%s", sim::describe(plan).c_str());
      for (const std::string& line : report.lines) std::printf("%s\n", line.c_str());
    }
    if (arguments.is_single || arguments.trace) {
      std::printf("seed %llu: checksum %016llx, %llu steps, %.1f simulated seconds, %llu commits\n",
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(report.checksum),
                  static_cast<unsigned long long>(report.steps), double(report.time.count()) / 1e9,
                  static_cast<unsigned long long>(report.commits_shown));
    }
    if (arguments.twice && sim::run_plan(plan, false, crashes).checksum != report.checksum) {
      failed += 1;
      std::printf("seed %llu: FAILED: a second run went another way\n", static_cast<unsigned long long>(seed));
    }
    if (report.ok()) continue;
    failed += 1;
    for (const std::string& finding : report.findings) {
      std::printf("seed %llu: FAILED: %s\n", static_cast<unsigned long long>(seed), finding.c_str());
    }
    std::fflush(stdout);
    if (arguments.first) break;
  }
  if (arguments.crashes) {
    for (const auto& [point, counts] : crashes) {
      std::printf("%-60s passed %llu, died before %llu, after %llu\n", point.c_str(),
                  static_cast<unsigned long long>(counts.passed), static_cast<unsigned long long>(counts.before),
                  static_cast<unsigned long long>(counts.after));
    }
  }
  std::printf("%llu seeds, %llu failed, %.1f s, %.2f million steps\n", static_cast<unsigned long long>(run),
              static_cast<unsigned long long>(failed), seconds(), double(steps) / 1e6);
  return failed == 0 ? 0 : 1;
}
