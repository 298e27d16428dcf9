#include "stages/01_scan_log/store.h"

#include <memory>
#include <optional>

#include "stages/roadmap.h"

namespace strata {

ScanLog::ScanLog(const Options& options) : TextStore(options) {}

void ScanLog::set(std::string_view key, std::string_view value) {
  log().append(key, value);
}

bool ScanLog::get(std::string_view key, std::string& value) {
  std::optional<TextLine> match;
  std::optional<std::uint64_t> damage;
  log().for_each_line(
      "scan for the key", log().size(),
      [&](const TextLine& line) {
        if (line.key == key) match = line;
      },
      [&](const TextLine& line) { damage = line.offset; });
  // A damaged line behind the last match may have held a newer value.
  if (damage && (!match || match->offset < *damage)) {
    log().throw_damage(*damage);
  }
  if (!match) return false;
  log().read(match->value_offset, match->value_size, value, "read the value");
  return true;
}

const Stage& stage_01_scan_log() {
  static const Stage stage = {
      .name = "01_scan_log",
      .title = "a text log, scanned whole",
      .flaw = "Every get reads everything that was ever written.",
      .limits = kTextLimits,
      .options = {},
      .refuses = {kNoDelete, kNoCompaction, kNoSegments, kNoVerify, kNoSalvage},
      .checksums = false,
      .scans = true,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<ScanLog>(options);
      },
  };
  return stage;
}

}  // namespace strata
