// SPDX-License-Identifier: Apache-2.0
//
// millrace_sim: runs seeds of the simulator and says what they found.
//
//   millrace_sim --seeds N [--from S] [--minutes M] [--twice] [--points]   exit code 1 when a seed fails
//   millrace_sim --seed S [--trace]                                        one seed, event by event
//   millrace_sim --case NAME [--trace]                                     a kept plan: tests/sim/cases/NAME.json
//
// Of faults that are planted (millrace_sim_planted, tools/sim/find_planted.py):
//   --passes --seeds N [--from S]                     which seeds pass the code of which faults
//   --fault F --finds M                               seeds from standard input, until M of them have failed
//   --fault F --seed S | --case NAME [...]            as above, with the fault
//
// The first seed that fails is shrunk, kept as a case and printed with the end of its trace. With 2000 seeds or more, a
// crash point that no run died at fails, too.
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include "sim/farm.h"
#include "sim/plan_text.h"
#include "sim/shrink.h"

namespace {

// Which planted fault is switched on (tools/sim/plant_faults.py); 0: none. Only millrace_sim_planted asks.
int fault_number = 0;
std::bitset<256> faults_passed;  // whose code was passed

constexpr char cases_folder[] = "tests/sim/cases/";
constexpr std::uint64_t seeds_for_all_points = 2000;

struct Arguments {
  std::uint64_t from = 1, seeds = 100, minutes = 0, seed = 0, processes = 1, finds = 0;
  bool trace = false, twice = false, points = false, passes = false, shrinks = false;
  std::string case_name, keep;
};

bool parse(int count, char** words, Arguments& arguments) {
  std::uint64_t fault = 0;
  const std::map<std::string, std::uint64_t*> numbers = {
      {"--seeds", &arguments.seeds}, {"--from", &arguments.from}, {"--minutes", &arguments.minutes},
      {"--seed", &arguments.seed},   {"--fault", &fault},         {"--processes", &arguments.processes},
      {"--finds", &arguments.finds},
  };
  const std::map<std::string, std::string*> texts = {{"--case", &arguments.case_name}, {"--keep", &arguments.keep}};
  const std::map<std::string, bool*> switches = {
      {"--trace", &arguments.trace},   {"--twice", &arguments.twice},    {"--points", &arguments.points},
      {"--passes", &arguments.passes}, {"--shrink", &arguments.shrinks},
  };
  for (int i = 1; i < count; ++i) {
    const auto number = numbers.find(words[i]);
    const auto text = texts.find(words[i]);
    const auto on = switches.find(words[i]);
    if (number != numbers.end() && i + 1 < count) {
      *number->second = std::strtoull(words[++i], nullptr, 10);
    } else if (text != texts.end() && i + 1 < count) {
      *text->second = words[++i];
    } else if (on != switches.end()) {
      *on->second = true;
    } else {
      return false;
    }
  }
  fault_number = int(fault);
  arguments.processes = std::max<std::uint64_t>(1, arguments.processes);
  return true;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void print_run(const sim::RunPlan& plan, const sim::RunReport& report) {
  print(fmt::format("checksum {:016x}, {} steps, {:.1f} simulated seconds, {} commits\n", report.checksum, report.steps,
                    double(report.time.count()) / 1e9, report.commits_shown));
  for (const std::string& finding : report.findings) print(fmt::format("seed {}: FAILED: {}\n", plan.seed, finding));
}

std::string keep_case(const std::string& name, const sim::RunPlan& plan) {
  const std::string path = cases_folder + name + ".json";
  std::ofstream file(path);
  file << sim::print_plan(plan);
  return file.good() ? path : "";
}

// The smallest plan that fails alike, kept and printed with the end of its trace.
void print_shrunk(const sim::RunPlan& plan, const std::string& keep) {
  constexpr std::size_t lines_max = 60;
  const sim::Shrunk shrunk = sim::shrink(plan);
  print(fmt::format("--- the smallest run that fails alike ({} runs tried)\n", shrunk.runs));
  print(sim::describe(shrunk.plan));
  const std::vector<std::string>& lines = shrunk.report.lines;
  for (std::size_t i = lines.size() > lines_max ? lines.size() - lines_max : 0; i < lines.size(); ++i) {
    print(lines[i] + "\n");
  }
  std::string name = keep;
  if (name.empty()) name = fmt::format("found_{}_{}", plan.seed, sim::kind_of(shrunk.report));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  const std::string path = keep_case(name, shrunk.plan);
  if (path.empty()) {
    print("--- the plan that is left:\n" + sim::print_plan(shrunk.plan));
  } else {
    print(fmt::format("--- kept as {}; all of it: ./dev sim --case {} --trace\n", path, name));
  }
}

int run_one(const sim::RunPlan& plan, const Arguments& arguments) {
  sim::CrashReport crashes;
  const sim::RunReport report = sim::run_plan(plan, arguments.trace, crashes);
  if (arguments.trace) {
    print(sim::describe(plan));
    for (const std::string& line : report.lines) print(line + "\n");
  }
  print_run(plan, report);
  if (!report.ok() && (arguments.shrinks || !arguments.keep.empty())) print_shrunk(plan, arguments.keep);
  if (report.ok() && !arguments.keep.empty()) print("kept as " + keep_case(arguments.keep, plan) + "\n");
  return report.ok() ? 0 : 1;
}

int run_case(const Arguments& arguments) {
  const bool is_path = arguments.case_name.find('/') != std::string::npos;
  const std::string path = is_path ? arguments.case_name : cases_folder + arguments.case_name + ".json";
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const base::Result<sim::RunPlan> plan = sim::parse_plan(text, path);
  if (plan.ok()) return run_one(*plan, arguments);
  print(plan.error().text() + "\n");
  return 2;
}

// A fault changes nothing in a run that does not pass its code.
int run_passes(const Arguments& arguments) {
  sim::CrashReport crashes;
  for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    faults_passed.reset();
    const sim::RunPlan plan = sim::draw_plan(seed);
    const sim::RunReport report = sim::run_plan(plan, false, crashes);
    if (!report.ok()) {
      print_run(plan, report);  // it says nothing of any fault
      return 1;
    }
    std::string line = fmt::format("seed {} passes", seed);
    for (std::size_t fault = 0; fault < faults_passed.size(); ++fault) {
      if (faults_passed[fault]) line += fmt::format(" {}", fault);
    }
    print(line + "\n");
  }
  return 0;
}

// Each seed is said before it is run: with a fault the simulator itself may die, or go round for ever.
int run_until_found(const Arguments& arguments) {
  constexpr unsigned seconds_max = 60;  // of a run; a good one takes a part of a second
  sim::CrashReport crashes;
  std::uint64_t seed = 0;
  for (std::uint64_t found = 0; found < arguments.finds && std::cin >> seed;) {
    print(fmt::format("at {}\n", seed));
    ::alarm(seconds_max);
    const sim::RunPlan plan = sim::draw_plan(seed);
    const sim::RunReport report = sim::run_plan(plan, false, crashes);
    if (report.ok()) continue;
    print_run(plan, report);
    found += 1;
  }
  return 0;
}

int run_seeds(const Arguments& arguments) {
  const double began = seconds_now();
  const sim::FarmOrder order{arguments.from, arguments.seeds, arguments.processes, arguments.minutes, arguments.twice};
  const sim::FarmReport report = sim::run_farm(order, [](const sim::Failure& failure) {
    print(fmt::format("seed {}: FAILED: {}\n", failure.seed, failure.finding));
  });
  if (arguments.points) print(sim::print_points(report.crashes));
  const std::vector<std::string> missed = sim::points_missed(report.crashes);
  const bool must_hit_all = report.seeds >= seeds_for_all_points;
  for (const std::string& point : missed) {
    if (must_hit_all) print(fmt::format("FAILED: no process died at crash point {}\n", point));
  }
  if (!report.failures.empty()) {
    const auto first = std::min_element(report.failures.begin(), report.failures.end(),
                                        [](const sim::Failure& a, const sim::Failure& b) { return a.seed < b.seed; });
    if (!first->finding.starts_with("died:")) print_shrunk(sim::draw_plan(first->seed), "");
  }
  const std::size_t points = sim::crash_points().size();
  print(fmt::format("{} seeds, {} failed, {} of {} crash points hit, {:.1f} s, {:.2f} million steps\n", report.seeds,
                    report.failures.size(), points - missed.size(), points, seconds_now() - began,
                    double(report.steps) / 1e6));
  return report.failures.empty() && (missed.empty() || !must_hit_all) ? 0 : 1;
}

}  // namespace

bool planted_fault(int number);
bool planted_fault(int number) {
  faults_passed.set(std::size_t(number));
  return number == fault_number;
}

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::fputs(
        "usage: millrace_sim --seeds N [--from S] [--minutes M] [--processes P] [--twice] [--points]\n"
        "       millrace_sim --seed S [--trace] [--shrink] [--keep NAME]\n"
        "       millrace_sim --case NAME [--trace]\n",
        stderr);
    return 2;
  }
  if (!arguments.case_name.empty()) return run_case(arguments);
  if (arguments.seed != 0) return run_one(sim::draw_plan(arguments.seed), arguments);
  if (arguments.passes) return run_passes(arguments);
  return arguments.finds > 0 ? run_until_found(arguments) : run_seeds(arguments);
}
