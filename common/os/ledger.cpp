#include "common/os/ledger.h"

#include <algorithm>
#include <utility>

namespace strata {

namespace {

Tally& tally_of(Totals& totals, Call call) {
  switch (call) {
    case Call::kOpen:
      return totals.opens;
    case Call::kRead:
      return totals.reads;
    case Call::kWrite:
      return totals.writes;
    case Call::kSync:
      return totals.syncs;
    default:
      return totals.others;
  }
}

// "1 read", "2,000 reads".
std::string counted(std::uint64_t count, std::string_view noun) {
  std::string text = std::to_string(count);
  for (std::size_t end = text.size(); end > 3; end -= 3) {
    text.insert(end - 3, 1, ',');
  }
  text += ' ';
  text += noun;
  if (count != 1) text += 's';
  return text;
}

std::string line_of(const LedgerEntry& entry) {
  std::string line(name_of(entry.call));
  line.resize(std::max<std::size_t>(line.size() + 1, 9), ' ');
  line += entry.path;
  if (entry.call == Call::kRead || entry.call == Call::kWrite) {
    line += "  offset " + std::to_string(entry.offset);
    line += "  " + counted(entry.bytes, "byte");
  } else if (entry.call == Call::kTruncate) {
    line += "  to " + counted(entry.offset, "byte");
  }
  line += std::string("  ") + entry.why;
  if (entry.error != 0) {
    line += "  failed: " + std::generic_category().message(entry.error);
  }
  return line + '\n';
}

}  // namespace

std::string_view name_of(Call call) {
  switch (call) {
    case Call::kOpen:
      return "open";
    case Call::kRead:
      return "read";
    case Call::kWrite:
      return "write";
    case Call::kSync:
      return "sync";
    case Call::kTruncate:
      return "truncate";
    case Call::kSize:
      return "size";
    case Call::kMode:
      return "mode";
    case Call::kLock:
      return "lock";
    case Call::kRename:
      return "rename";
    case Call::kRemove:
      return "unlink";
    case Call::kMakeDir:
      return "mkdir";
    case Call::kList:
      return "list";
    case Call::kMap:
      return "map";
  }
  return "";
}

std::vector<LedgerEntry> Ledger::entries() const {
  const std::scoped_lock hold(mutex_);
  return entries_;
}

Totals Ledger::totals() const {
  const std::scoped_lock hold(mutex_);
  return totals_;
}

void Ledger::clear() {
  const std::scoped_lock hold(mutex_);
  entries_.clear();
  totals_ = {};
}

void Ledger::keep(Keep keep) {
  const std::scoped_lock hold(mutex_);
  keep_ = keep;
  if (keep != Keep::kEntries) entries_.clear();
}

OsResult Ledger::enter(LedgerEntry entry, OsResult result) {
  if (keep_ == Keep::kNothing) return result;
  if (result < 0) {
    entry.error = static_cast<int>(-result);
  } else if (entry.call == Call::kRead || entry.call == Call::kWrite) {
    entry.bytes = static_cast<std::uint64_t>(result);
  }
  Tally& tally = tally_of(totals_, entry.call);
  ++tally.calls;
  tally.bytes += entry.bytes;
  if (keep_ == Keep::kEntries) entries_.push_back(std::move(entry));
  return result;
}

OsResult Ledger::enter(Call call, int fd, std::uint64_t offset, OsResult result,
                       const char* why) {
  if (keep_.load(std::memory_order_relaxed) == Keep::kNothing) return result;
  const std::scoped_lock hold(mutex_);
  LedgerEntry entry;
  entry.call = call;
  if (keep_ == Keep::kEntries) entry.path = open_files_[fd];
  entry.offset = offset;
  entry.why = why;
  return enter(std::move(entry), result);
}

OsResult Ledger::open(const std::string& path, OpenMode mode, const char* why) {
  const OsResult fd = os().open(path, mode, why);
  const std::scoped_lock hold(mutex_);
  if (fd >= 0) open_files_[static_cast<int>(fd)] = path;
  return enter({.call = Call::kOpen, .path = path, .why = why}, fd);
}

OsResult Ledger::read_at(int fd, std::uint64_t offset, char* out,
                         std::size_t size, const char* why) {
  return enter(Call::kRead, fd, offset,
               os().read_at(fd, offset, out, size, why), why);
}

OsResult Ledger::write_at(int fd, std::uint64_t offset, std::string_view bytes,
                          const char* why) {
  return enter(Call::kWrite, fd, offset, os().write_at(fd, offset, bytes, why),
               why);
}

OsResult Ledger::sync(int fd, const char* why) {
  return enter(Call::kSync, fd, 0, os().sync(fd, why), why);
}

OsResult Ledger::truncate(int fd, std::uint64_t size, const char* why) {
  return enter(Call::kTruncate, fd, size, os().truncate(fd, size, why), why);
}

OsResult Ledger::size(int fd, const char* why) {
  return enter(Call::kSize, fd, 0, os().size(fd, why), why);
}

OsResult Ledger::mode(int fd, const char* why) {
  return enter(Call::kMode, fd, 0, os().mode(fd, why), why);
}

OsResult Ledger::lock(int fd, const char* why) {
  return enter(Call::kLock, fd, 0, os().lock(fd, why), why);
}

OsResult Ledger::rename(const std::string& from, const std::string& to,
                        const char* why) {
  const OsResult result = os().rename(from, to, why);
  const std::scoped_lock hold(mutex_);
  return enter({.call = Call::kRename, .path = from, .why = why}, result);
}

OsResult Ledger::remove(const std::string& path, const char* why) {
  const OsResult result = os().remove(path, why);
  const std::scoped_lock hold(mutex_);
  return enter({.call = Call::kRemove, .path = path, .why = why}, result);
}

OsResult Ledger::make_dir(const std::string& path, const char* why) {
  const OsResult result = os().make_dir(path, why);
  const std::scoped_lock hold(mutex_);
  return enter({.call = Call::kMakeDir, .path = path, .why = why}, result);
}

OsResult Ledger::list(const std::string& path, std::vector<std::string>& names,
                      const char* why) {
  const OsResult result = os().list(path, names, why);
  const std::scoped_lock hold(mutex_);
  return enter({.call = Call::kList, .path = path, .why = why}, result);
}

OsResult Ledger::map(int fd, std::size_t size, const char** out,
                     const char* why) {
  return enter(Call::kMap, fd, 0, os().map(fd, size, out, why), why);
}

std::string to_text(const Ledger& ledger, std::uint64_t asked,
                    std::string_view whom) {
  std::string text;
  for (const LedgerEntry& entry : ledger.entries()) text += line_of(entry);
  const Totals totals = ledger.totals();
  text += "total: " + counted(totals.opens.calls, "open");
  text += ", " + counted(totals.reads.calls, "read") + " (" +
          counted(totals.reads.bytes, "byte") + ")";
  text += ", " + counted(totals.writes.calls, "write") + " (" +
          counted(totals.writes.bytes, "byte") + ")";
  text += ", " + counted(totals.syncs.calls, "sync");
  text += ", " + counted(totals.others.calls, "other call");
  if (asked > 0) text += ", " + counted(asked, whom) + " asked";
  return text + "\n";
}

}  // namespace strata
