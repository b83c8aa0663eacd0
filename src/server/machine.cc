// SPDX-License-Identifier: Apache-2.0
#include "server/machine.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>

namespace server {
namespace {

constexpr double sector_bytes = 512, kib = 1024, milliseconds = 1e-3;

double tick_seconds() { return 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK)); }

// "MemFree:   1234 kB" of meminfo and of a process's status, in bytes.
std::map<std::string, double> sizes_in(const std::string& path) {
  std::map<std::string, double> found;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name, unit;
    double value = 0;
    if (words >> name >> value >> unit && unit == "kB" && name.ends_with(':')) {
      found[name.substr(0, name.size() - 1)] = value * kib;
    }
  }
  return found;
}

void read_processors(const std::string& proc, MachineCounts& out) {
  std::ifstream file(proc + "/stat");
  std::string name;
  file >> name;  // "cpu": user nice system idle iowait irq softirq steal
  double value = 0;
  for (int i = 0; i < 8 && file >> value; ++i) {
    out.cpu_seconds += value * tick_seconds();
    if (i == 3 || i == 4) out.cpu_seconds_idle += value * tick_seconds();
  }
}

// Whole disks only: what their partitions do is counted there, too.
void read_disks(const std::string& proc, MachineCounts& out) {
  std::ifstream file(proc + "/diskstats");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string major, minor, name;
    double reads, reads_merged, read_sectors, read_ms, writes, writes_merged, written_sectors, write_ms, now;
    if (!(words >> major >> minor >> name >> reads >> reads_merged >> read_sectors >> read_ms >> writes >>
          writes_merged >> written_sectors >> write_ms >> now)) {
      continue;
    }
    const bool is_virtual = name.starts_with("loop") || name.starts_with("ram") || name.starts_with("dm-") ||
                            name.starts_with("md") || name.starts_with("zram");
    std::error_code ignored;
    if (is_virtual || ::access(("/sys/block/" + name).c_str(), F_OK) != 0) continue;
    out.disk_reads += reads;
    out.disk_writes += writes;
    out.disk_read_bytes += read_sectors * sector_bytes;
    out.disk_written_bytes += written_sectors * sector_bytes;
    out.disk_read_seconds += read_ms * milliseconds;
    out.disk_write_seconds += write_ms * milliseconds;
    out.disk_operations_now += now;
  }
}

void read_network(const std::string& proc, MachineCounts& out) {
  std::ifstream file(proc + "/net/dev");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream name_words(line.substr(0, colon)), words(line.substr(colon + 1));
    std::string name;
    name_words >> name;
    double values[9] = {};
    for (double& value : values) words >> value;
    if (!words || name == "lo") continue;
    out.network_received_bytes += values[0];
    out.network_sent_bytes += values[8];
  }
}

}  // namespace

MachineCounts machine_counts(const std::string& data_dir, const std::string& proc) {
  MachineCounts out;
  read_processors(proc, out);
  read_disks(proc, out);
  read_network(proc, out);
  std::map<std::string, double> sizes = sizes_in(proc + "/meminfo");
  out.memory_bytes = sizes["MemTotal"];
  out.memory_free_bytes = sizes["MemFree"];
  out.memory_available_bytes = sizes["MemAvailable"];
  out.swap_used_bytes = sizes["SwapTotal"] - sizes["SwapFree"];
  struct statvfs storage {};
  if (::statvfs(data_dir.c_str(), &storage) == 0) {
    out.storage_free_bytes = static_cast<double>(storage.f_bavail) * static_cast<double>(storage.f_frsize);
  }
  return out;
}

ProcessCounts process_counts(int pid, const std::string& proc) {
  ProcessCounts out;
  if (pid <= 0) return out;
  const std::string folder = proc + "/" + std::to_string(pid);
  std::map<std::string, double> sizes = sizes_in(folder + "/status");
  out.memory_bytes = sizes["VmRSS"];
  out.swap_bytes = sizes["VmSwap"];
  out.private_bytes = sizes["RssAnon"] + sizes["VmSwap"];
  std::ifstream file(folder + "/stat");
  std::string line;
  std::getline(file, line);
  // Behind the name, which may hold anything: state, ten numbers, user time, system time.
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos) return out;
  std::istringstream words(line.substr(end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  double user = 0, system = 0;
  if (words >> user >> system) out.cpu_seconds = (user + system) * tick_seconds();
  return out;
}

}  // namespace server
