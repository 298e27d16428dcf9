#include "common/cli/session.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "common/cli/cli.h"
#include "common/os/posix_os.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata {

CommandError current_error() {
  try {
    throw;
  } catch (const CommandError& error) {
    return error;
  } catch (const InvalidInput& error) {
    return {kUsage, error.what()};
  } catch (const Damage& error) {
    return {kDamaged, error.what()};
  } catch (const Busy& error) {
    return {kTaken, error.what()};
  } catch (const std::bad_alloc&) {
    return {kSystemRefused, "out of memory"};
  } catch (const std::length_error&) {
    return {kSystemRefused, "out of memory"};
  } catch (const std::exception& error) {
    return {kSystemRefused, error.what()};
  }
}

CommandError refused(const Refusal& refusal) {
  return {kUsage, "no '" + std::string(refusal.name) +
                      "' yet: " + std::string(refusal.why)};
}

void tell(const Stage& stage, std::string_view line) {
  std::string text(stage.name);
  text += ": ";
  const bool plain = std::all_of(line.begin(), line.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  });
  text += plain ? std::string(line) : escaped(line);
  text += '\n';
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

Session::Session(const Stage& stage, Options options, bool explain)
    : stage_(stage), options_(std::move(options)) {
  options_.note = [this](const std::string& line) {
    if (!has_told_loss_) tell(line);
  };
  if (progress_.is_shown()) {
    options_.progress = [this](std::uint64_t done, std::uint64_t total) {
      progress_.update(done, total);
    };
  }
  set_explain(explain);
}

void Session::set_explain(bool on) {
  write_out();
  if (has_costs()) explain();  // of that: nobody could be told later
  store_.reset();
  ledger_ = on ? std::make_unique<Ledger>(posix_os()) : nullptr;
  options_.os = on ? static_cast<Os*>(ledger_.get()) : &posix_os();
}

void Session::open(Mode mode) {
  store_.reset();
  options_.mode = Mode::kRead;  // what it stays if it cannot be opened
  Options options = options_;
  options.mode = mode;
  const std::uint64_t start = posix_os().ticks_ns();
  store_ = stage_.open(options);
  told_probes_ = 0;
  options_.mode = mode;
  open_seconds_ = static_cast<double>(posix_os().ticks_ns() - start) / 1e9;
  progress_.clear();
}

Store& Session::to_read() {
  if (store_ == nullptr) open(options_.mode);
  return *store_;
}

Store& Session::to_write() {
  if (!is_writing()) open(Mode::kWrite);
  return *store_;
}

void Session::write_out() {
  if (!is_writing()) return;
  try {
    store_->flush();
  } catch (...) {
    const CommandError error = current_error();
    has_told_loss_ = true;
    store_.reset();  // which says the same once more
    told_probes_ = 0;
    has_told_loss_ = false;
    throw CommandError(error);
  }
}

void Session::require(std::string_view what) const {
  if (const Refusal* refusal = stage_.refusal(what)) throw refused(*refusal);
}

void Session::print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size()) {
    throw IoError("cannot write", "standard output", errno);
  }
}

void Session::flush() {
  if (std::fflush(stdout) != 0) {
    throw IoError("cannot write", "standard output", errno);
  }
}

void Session::tell(std::string_view line) {
  progress_.clear();
  strata::tell(stage_, line);
}

std::uint64_t Session::probes() const {
  return store_ == nullptr ? 0 : store_->index_probes();
}

bool Session::has_costs() const {
  if (ledger_ == nullptr) return false;
  return !ledger_->entries().empty() || probes() > told_probes_;
}

void Session::explain() {
  if (ledger_ == nullptr) return;
  (void)std::fflush(stdout);
  const std::string text = to_text(*ledger_, probes() - told_probes_,
                                   stage_.sorts ? "table" : "keydir");
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  ledger_->clear();
  told_probes_ = probes();
}

}  // namespace strata
