#include "bench/tour/report.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "common/record/escape.h"

namespace strata::tour {

namespace {

using Json = nlohmann::ordered_json;

#ifdef NDEBUG
constexpr const char* kBuild = "release";
#else
constexpr const char* kBuild = "debug";
#endif

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t length =
      std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, length};
}

Json to_json(const Cost& cost) {
  return {{"ns", cost.ns},
          {"read_calls", cost.read_calls},
          {"read_bytes", cost.read_bytes},
          {"write_calls", cost.write_calls},
          {"write_bytes", cost.write_bytes}};
}

Json to_json(const Answers& answers) {
  Json json = to_json(answers.cost);
  json["asked"] = answers.asked;
  return json;
}

Json history_json(const History& history) {
  std::uint64_t live = 0;
  for (const Fate& fate : history.fates()) live += fate.live ? 1 : 0;
  std::uint64_t deletes = 0;
  for (const Operation& operation : history.operations) {
    deletes += operation.deletes ? 1 : 0;
  }
  return {{"kind", history.kind},
          {"name", escaped(history.name)},
          {"head", history.head},
          {"nouns", history.nouns},
          {"oracle", history.oracle},
          {"unchecked", history.unchecked},
          {"operations", history.operations.size()},
          {"deletes", deletes},
          {"keys", history.keys.size()},
          {"live_keys", live},
          {"lines", history.lines},
          {"malformed", history.malformed},
          {"first_malformed", history.first_malformed}};
}

Json growth_json(const std::vector<Growth>& growth) {
  Json disk = Json::array();
  Json miss = Json::array();
  for (const Growth& at : growth) {
    disk.push_back({{"operations", at.operations}, {"bytes", at.disk_bytes}});
    if (at.miss.asked == 0) continue;
    Json point = to_json(at.miss);
    point["operations"] = at.operations;
    point["probes"] = at.miss_probes;
    miss.push_back(point);
  }
  return {{"disk", disk}, {"miss", miss}};
}

Json merging_json(const Run& run) {
  if (!run.merging) return nullptr;
  const Merging& merging = *run.merging;
  return {{"bytes_before", merging.bytes_before},
          {"bytes_after", merging.bytes_after},
          {"files_before", merging.files_before},
          {"files_after", merging.files_after},
          {"probes_before", merging.probes_before},
          {"written", merging.written},
          {"ns", merging.ns}};
}

Json stage_json(const Run& run) {
  Json refuses = Json::array();
  for (const Refusal& refusal : run.stage->refuses) {
    refuses.push_back({{"name", refusal.name}, {"why", refusal.why}});
  }
  Json ghosts = Json::array();
  for (const std::string& name : run.ghosts.names) {
    ghosts.push_back(escaped(name));
  }
  return {{"name", run.stage->name},
          {"title", run.stage->title},
          {"flaw", run.stage->flaw},
          {"logs", run.stage->logs},
          {"refuses", refuses},
          {"writes", run.writes},
          {"skipped_deletes", run.skipped_deletes},
          {"segment_bytes", run.segment_bytes},
          {"user_bytes", run.user_bytes},
          {"written", run.written},
          {"merging", merging_json(run)},
          {"rewritten_keys", run.rewritten_keys},
          {"write", to_json(run.write)},
          {"newest", to_json(run.newest)},
          {"oldest", to_json(run.oldest)},
          {"missing", to_json(run.missing)},
          {"miss_probes", run.miss_probes},
          {"random", to_json(run.random)},
          {"open", to_json(run.open)},
          {"keys", run.stats.keys},
          {"live_bytes", run.stats.live_bytes},
          {"dead_bytes", run.stats.dead_bytes},
          {"disk_bytes", run.stats.disk_bytes},
          {"files", run.stats.files},
          {"index_bytes", run.stats.index_bytes},
          {"ghosts", run.ghosts.count},
          {"ghost_names", ghosts},
          {"growth", growth_json(run.growth)}};
}

Json live_json(const History& history) {
  const auto points = growth_points(history.operations.size());
  const auto bytes = live_bytes_at(history, points);
  Json live = Json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    live.push_back({{"operations", points[i]}, {"bytes", bytes[i]}});
  }
  return live;
}

}  // namespace

std::vector<std::uint64_t> live_bytes_at(
    const History& history, const std::vector<std::uint64_t>& points) {
  std::vector<std::uint64_t> held(history.keys.size());
  std::vector<std::uint64_t> bytes;
  std::uint64_t sum = 0;
  std::uint64_t done = 0;
  for (const std::uint64_t point : points) {
    for (; done < point; ++done) {
      const Operation& operation = history.operations[done];
      sum -= held[operation.key];
      held[operation.key] =
          operation.deletes
              ? 0
              : history.keys[operation.key].size() + operation.value.size();
      sum += held[operation.key];
    }
    bytes.push_back(sum);
  }
  return bytes;
}

std::string report_json(const History& history, const std::vector<Run>& runs) {
  Json stages = Json::array();
  for (const Run& run : runs) stages.push_back(stage_json(run));
  const Json report = {{"format", "strata-tour-1"},
                       {"made", now()},
                       {"build", kBuild},
                       {"history", history_json(history)},
                       {"live", live_json(history)},
                       {"stages", stages}};
  return report.dump(1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace strata::tour
