// SPDX-License-Identifier: Apache-2.0
#include "main/assessment_results.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "wire/s3_open.h"

namespace main_program {
namespace {

using base::Result;
using nlohmann::json;
using Files = std::vector<std::pair<std::string, std::string>>;  // name, content; the last one is the summary

Files files_of(json run, const json& checks) {
  Files out;
  std::map<std::string, int> counts;
  json list = json::array();
  const auto add = [&](const std::string& name, const json& content) {
    out.emplace_back(name + ".json", content.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
  };
  for (const json& check : checks) {
    add(check.value("name", ""), check);
    counts[check.value("status", "")] += 1;
    list.push_back({{"name", check["name"]}, {"status", check["status"]}});
  }
  run["Status"] = worst_status(checks);
  run["ResultStatistic"] = {{"Passed", counts["passed"]}, {"Failed", counts["failed"]}, {"Warning", counts["warning"]}};
  add("summary", {{"run", std::move(run)}, {"checks", std::move(list)}});
  return out;
}

Result<void> write_files(const std::string& folder, const Files& files) {
  base::PosixDisk disk;
  TRY(disk.make_folders(folder));
  for (const auto& [name, content] : files) {
    // The server that died may have left its worker behind: each writes a file of its own.
    const std::string path = folder + "/" + name;
    const std::string fresh = fmt::format("{}.{:016x}", path, base::SystemRandom().next());
    auto file = TRY(disk.open(fresh, base::OpenMode::create_new));
    TRY(file->append(content));
    TRY(file->sync());
    TRY(disk.rename(fresh, path));
  }
  return disk.sync_folder(folder);
}

Result<void> put_objects(const json& place, const Files& files) {
  wire::S3Settings settings;
  settings.endpoint = place.value("endpoint", "");
  settings.bucket = place.value("bucket", "");
  settings.region = place.value("region", "");
  const std::string encryption = place.value("encryption", "");
  if (encryption == "SSE_S3") settings.encryption = wire::S3Encryption::sse_s3;
  if (encryption == "SSE_KMS") settings.encryption = wire::S3Encryption::sse_kms;
  settings.kms_key_id = place.value("kms_key", "");
  base::SystemClock clock;
  base::SystemRandom random;
  const auto store =
      wire::open_s3(std::move(settings), {.credentials = "", .ca_file = place.value("ca", "")}, clock, random);
  wire::ObjectFacts facts;
  facts.content_type = "application/json";
  for (const auto& [name, content] : files) {
    TRY(store->put(place.value("prefix", "") + "/" + name, content, facts, {}));
  }
  return {};
}

}  // namespace

std::string worst_status(const json& checks) {
  std::string worst = "passed";
  for (const json& check : checks) {
    const std::string status = check.value("status", "");
    if (status == "failed" || (status == "warning" && worst == "passed")) worst = status;
  }
  return worst;
}

Result<void> store_results(const json& place, json run, const json& checks) {
  const Files files = files_of(std::move(run), checks);
  if (place.contains("folder")) return write_files(place.value("folder", ""), files);
  return put_objects(place, files);
}

}  // namespace main_program
