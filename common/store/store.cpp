#include "common/store/store.h"

#include "common/store/errors.h"

namespace strata {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw InvalidInput(std::string("this stage has no '") + what + "'");
}

}  // namespace

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
