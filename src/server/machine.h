// SPDX-License-Identifier: Apache-2.0
//
// What Linux counts of this machine and of a process, read from /proc ("The /proc Filesystem" of the kernel's
// documentation; man proc(5)). Totals since the start of the machine or process. What cannot be read is 0. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace server {

struct MachineCounts {
  double cpu_seconds = 0, cpu_seconds_idle = 0;  // of all its processors
  double memory_bytes = 0, memory_free_bytes = 0, memory_available_bytes = 0, swap_used_bytes = 0;
  double disk_reads = 0, disk_writes = 0, disk_read_bytes = 0, disk_written_bytes = 0;
  double disk_read_seconds = 0, disk_write_seconds = 0, disk_operations_now = 0;
  double network_received_bytes = 0, network_sent_bytes = 0;  // but for the loopback interface
  double storage_free_bytes = 0;                              // of the data directory
};

struct ProcessCounts {
  double cpu_seconds = 0;
  double memory_bytes = 0, swap_bytes = 0;
  double private_bytes = 0;  // its own, in memory or swapped: without files and libraries that it may share
};

MachineCounts machine_counts(const std::string& data_dir, const std::string& proc = "/proc");
ProcessCounts process_counts(int pid, const std::string& proc = "/proc");

}  // namespace server
