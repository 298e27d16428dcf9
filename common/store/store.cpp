#include "common/store/store.h"

#include "common/store/errors.h"

namespace strata {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw InvalidInput(std::string("this stage has no '") + what + "'");
}

}  // namespace

std::string_view name_of(DumpRecord::State state) {
  switch (state) {
    case DumpRecord::State::kLive:
      return "live";
    case DumpRecord::State::kDead:
      return "dead";
    case DumpRecord::State::kTombstone:
      return "tombstone";
    case DumpRecord::State::kTorn:
      return "torn";
    case DumpRecord::State::kDamaged:
      return "damaged";
  }
  return "";
}

void Store::get_batch(const std::vector<std::string_view>& keys,
                      const AnswerVisitor& visit) {
  std::string value;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    visit(i, get(keys[i], value) ? &value : nullptr);
  }
}

void Store::del(std::string_view /*key*/) {
  refuse("del");
}

void Store::compact() {
  refuse("compact");
}

void Store::verify(const DamageVisitor& /*visit*/) {
  refuse("verify");
}

void Store::salvage(const std::string& /*directory*/,
                    const DamageVisitor& /*visit*/) {
  refuse("salvage");
}

std::vector<FileStats> Store::file_stats() {
  std::vector<FileStats> files;
  dump("", [&](const DumpRecord& record) {
    if (files.empty() || files.back().name != record.file) {
      files.push_back({.name = std::string(record.file)});
    }
    switch (record.state) {
      case DumpRecord::State::kLive:
        files.back().live_bytes += record.size;
        break;
      case DumpRecord::State::kDead:
      case DumpRecord::State::kTombstone:
        files.back().dead_bytes += record.size;
        break;
      case DumpRecord::State::kTorn:
      case DumpRecord::State::kDamaged:
        break;
    }
  });
  return files;
}

}  // namespace strata
