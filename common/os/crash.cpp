#include "common/os/crash.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <set>
#include <utility>

namespace strata {

namespace {

using Kind = Change::Kind;

bool changes_data(const Change& change) {
  return change.kind == Kind::kWrite || change.kind == Kind::kTruncate;
}

bool changes_entry(const Change& change) {
  return change.kind == Kind::kMakeDirectory || change.kind == Kind::kCreate ||
         change.kind == Kind::kRename || change.kind == Kind::kRemove;
}

// What is left of a write: its first `kept` bytes, the next `zeros` as zeros.
struct Remains {
  std::size_t kept = 0;
  std::size_t zeros = 0;
  std::string what{};
};

std::vector<Remains> remains_of(std::size_t size) {
  std::vector<Remains> all;
  for (const std::size_t kept :
       std::set<std::size_t>{1, size / 2, size > 0 ? size - 1 : 0}) {
    if (kept == 0 || kept >= size) continue;
    const std::string what = "cut at byte " + std::to_string(kept);
    all.push_back({.kept = kept, .zeros = 0, .what = what});
  }
  all.push_back({.kept = 0, .zeros = size, .what = "zeroed"});
  if (size > 1) {
    all.push_back({.kept = size / 2,
                   .zeros = size - size / 2,
                   .what = "zeroed in its second half"});
  }
  return all;
}

// What became of the changes that are not simply there.
struct Fates {
  std::set<std::size_t> dropped{};  // positions in the trace
  std::map<std::size_t, Remains> remains{};
};

// A disk on which changes are made one by one.
class Disk {
 public:
  explicit Disk(const Image& start) : directories_(start.directories) {
    for (const auto& [path, bytes] : start.files) {
      names_[path] = files_.size();
      files_.push_back(bytes);
    }
  }

  void apply(const Change& change, const Remains* remains) {
    if (change.file >= files_.size()) files_.resize(change.file + 1);
    switch (change.kind) {
      case Kind::kMakeDirectory:
        directories_.insert(change.path);
        break;
      case Kind::kCreate:
        names_[change.path] = change.file;
        break;
      case Kind::kWrite:
        write(change, remains);
        break;
      case Kind::kTruncate:
        files_[change.file].resize(static_cast<std::size_t>(change.value));
        break;
      case Kind::kRename:
        remove_name(change);
        names_[change.to] = change.file;
        break;
      case Kind::kRemove:
        remove_name(change);
        break;
      case Kind::kSyncFile:
      case Kind::kSyncDirectory:
      case Kind::kMark:
        break;
    }
  }

  // What can be reached from the roots.
  [[nodiscard]] Image image() const {
    Image image;
    for (const std::string& path : directories_) {
      if (reachable(path)) image.directories.insert(path);
    }
    for (const auto& [path, file] : names_) {
      if (reachable(path)) image.files.emplace(path, files_[file]);
    }
    return image;
  }

 private:
  void write(const Change& change, const Remains* remains) {
    std::string bytes = change.bytes;
    if (remains != nullptr) {
      bytes.resize(remains->kept);
      bytes.resize(remains->kept + remains->zeros, '\0');
    }
    std::string& file = files_[change.file];
    const auto at = static_cast<std::size_t>(change.value);
    file.resize(std::max(file.size(), at + bytes.size()));
    bytes.copy(file.data() + at, bytes.size());
  }

  void remove_name(const Change& change) {
    const auto found = names_.find(change.path);
    if (found != names_.end() && found->second == change.file) {
      names_.erase(found);
    }
  }

  [[nodiscard]] bool reachable(const std::string& path) const {
    const std::string parent = parent_of_clean(path);
    if (parent == "/" || parent == ".") return true;
    return directories_.count(parent) > 0 && reachable(parent);
  }

  std::set<std::string> directories_;
  std::map<std::string, std::size_t> names_;
  std::vector<std::string> files_;
};

std::string name_of(const Change& change) {
  switch (change.kind) {
    case Kind::kMakeDirectory:
      return "mkdir " + change.path;
    case Kind::kCreate:
      return "create " + change.path;
    case Kind::kWrite:
      return "write " + change.path + " at " + std::to_string(change.value);
    case Kind::kTruncate:
      return "truncate " + change.path + " to " + std::to_string(change.value);
    case Kind::kRename:
      return "rename " + change.path + " to " + change.to;
    case Kind::kRemove:
      return "remove " + change.path;
    case Kind::kSyncFile:
    case Kind::kSyncDirectory:
      return "sync " + change.path;
    case Kind::kMark:
      return "mark " + std::to_string(change.value);
  }
  return "";
}

// Visits the states of a trace, each once.
class Enumeration {
 public:
  Enumeration(const Trace& trace, const CrashVisitor& visit)
      : trace_(trace), visit_(visit) {}

  void power_cuts() {
    for (std::size_t length = 0; length <= trace_.changes.size(); ++length) {
      power_cuts_after(length);
    }
  }

  void kills() {
    for (std::size_t length = 0; length <= trace_.changes.size(); ++length) {
      show(length, {}, "all there");
      if (length == 0) continue;
      const std::size_t last = length - 1;
      if (trace_.changes[last].kind != Kind::kWrite) continue;
      for (const Remains& remains :
           remains_of(trace_.changes[last].bytes.size())) {
        if (remains.zeros == 0) show_remains(length, last, remains);
      }
    }
  }

 private:
  void power_cuts_after(std::size_t length) {
    show(length, {}, "all there");
    std::set<std::size_t> data;
    std::set<std::size_t> entries;
    for (std::size_t at = 0; at < length; ++at) {
      if (is_covered(at, length)) continue;
      const Change& change = trace_.changes[at];
      (changes_data(change) ? data : entries).insert(at);
      show(length, {.dropped = {at}}, name_of(change) + " dropped");
      if (change.kind != Kind::kWrite) continue;
      for (const Remains& remains : remains_of(change.bytes.size())) {
        show_remains(length, at, remains);
      }
    }
    show(length, {.dropped = data}, "all unsynced data dropped");
    show(length, {.dropped = entries}, "all unsynced entries dropped");
    data.merge(entries);
    show(length, {.dropped = data}, "all that is unsynced dropped");
  }

  // Whether a change is sure to be there after the first `length` changes.
  [[nodiscard]] bool is_covered(std::size_t at, std::size_t length) const {
    const Change& change = trace_.changes[at];
    const auto synced = [&](Kind kind, const auto& covers) {
      return std::any_of(trace_.changes.begin() + offset(at),
                         trace_.changes.begin() + offset(length),
                         [&](const Change& later) {
                           return later.kind == kind && covers(later);
                         });
    };
    const auto entry_synced = [&](const std::string& path) {
      return synced(Kind::kSyncDirectory, [&](const Change& later) {
        return later.path == parent_of_clean(path);
      });
    };
    if (changes_data(change)) {
      return synced(Kind::kSyncFile, [&](const Change& later) {
        return later.file == change.file;
      });
    }
    if (!changes_entry(change)) return true;
    return entry_synced(change.path) &&
           (change.kind != Kind::kRename || entry_synced(change.to));
  }

  static std::ptrdiff_t offset(std::size_t at) {
    return static_cast<std::ptrdiff_t>(at);
  }

  void show_remains(std::size_t length, std::size_t at,
                    const Remains& remains) {
    show(length, {.dropped = {}, .remains = {{at, remains}}},
         name_of(trace_.changes[at]) + " " + remains.what);
  }

  void show(std::size_t length, const Fates& fates, const std::string& what) {
    Disk disk(trace_.start);
    std::uint64_t acknowledged = 0;
    for (std::size_t at = 0; at < length; ++at) {
      const Change& change = trace_.changes[at];
      if (change.kind == Kind::kMark) acknowledged = change.value;
      if (fates.dropped.count(at) > 0) continue;
      const auto remains = fates.remains.find(at);
      disk.apply(change,
                 remains == fates.remains.end() ? nullptr : &remains->second);
    }
    const Image image = disk.image();
    if (!seen_.insert({acknowledged, flat(image)}).second) return;
    visit_({.image = image,
            .acknowledged = acknowledged,
            .changes = length,
            .what = when(length) + ": " + what});
  }

  [[nodiscard]] std::string when(std::size_t length) const {
    if (length == 0) return "before the first change";
    return "after change " + std::to_string(length) + " (" +
           name_of(trace_.changes[length - 1]) + ")";
  }

  // An image as one string; different images differ in it.
  static std::string flat(const Image& image) {
    std::string text;
    const auto add = [&](const std::string& part) {
      text += std::to_string(part.size()) + ':' + part;
    };
    for (const std::string& path : image.directories) add(path);
    text += '/';
    for (const auto& [path, bytes] : image.files) {
      add(path);
      add(bytes);
    }
    return text;
  }

  const Trace& trace_;
  const CrashVisitor& visit_;
  std::set<std::pair<std::uint64_t, std::string>> seen_;
};

}  // namespace

void for_each_power_cut(const Trace& trace, const CrashVisitor& visit) {
  Enumeration(trace, visit).power_cuts();
}

void for_each_kill(const Trace& trace, const CrashVisitor& visit) {
  Enumeration(trace, visit).kills();
}

bool leave_out_sync(Trace& trace, std::size_t number) {
  if (number == 0 || number > trace.changes.size()) return false;
  Change& change = trace.changes[number - 1];
  if (change.kind != Change::Kind::kSyncFile &&
      change.kind != Change::Kind::kSyncDirectory) {
    return false;
  }
  change.kind = Change::Kind::kSyncDirectory;
  change.path = "nothing";
  return true;
}

}  // namespace strata
