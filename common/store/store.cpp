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

}  // namespace strata
