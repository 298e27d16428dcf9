#include "common/text/text_store.h"

#include "common/store/errors.h"

namespace strata {

namespace {

constexpr const char* kNoRecord = "the line is no record: no comma ends a key";

// Where the last whole line of `file` ends: right behind its last newline.
std::uint64_t end_of_lines(const File& file, std::uint64_t size) {
  std::string block;
  std::uint64_t end = size;
  while (end > 0) {
    const std::uint64_t begin = end > 4096 ? end - 4096 : 0;
    block.resize(end - begin);
    block.resize(file.read_at(begin, block.data(), block.size(),
                              "find the last newline"));
    const std::size_t newline = block.rfind('\n');
    if (newline != std::string::npos) return begin + newline + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

TextLog::TextLog(const Options& options) : options_(options) {
  const std::string path = options.path_of(kName);
  if (options.mode == Mode::kRead) {
    reader_ = File::open_if_there(options.system(), path, "read the log");
    return;
  }
  directory_.emplace(lock_store(options));
  writer_.emplace(options, *directory_, kName);
  const std::uint64_t size = writer_->end();
  const std::uint64_t end = end_of_lines(writer_->file(), size);
  if (end == size) return;
  note_torn_tail(end, size - end);
  torn_at_ = end;
}

std::uint64_t TextLog::append(std::string_view key, std::string_view value) {
  kTextLimits.check(key, value);
  if (!writer_) throw InvalidInput("the store is open for reading only");
  if (torn_at_) writer_->cut(*torn_at_);
  torn_at_.reset();
  record_.clear();
  encode_text_record(key, value, record_);
  return writer_->append(record_);
}

const File* TextLog::file() const {
  if (writer_) return &writer_->file();
  return reader_ ? &*reader_ : nullptr;
}

std::uint64_t TextLog::size() const {
  if (writer_) return writer_->end();
  return reader_ ? reader_->size("measure the log") : 0;
}

void TextLog::read(std::uint64_t offset, std::uint64_t size, std::string& out,
                   const char* why) const {
  out.resize(size);
  if (file()->read_at(offset, out.data(), size, why) < size) {
    throw Damage(file()->path(), offset, "the file has become shorter");
  }
}

void TextLog::note_torn_tail(std::uint64_t offset, std::uint64_t size) {
  if (noted_) return;
  noted_ = true;
  options_.tell("torn tail: " + options_.path_of(kName) + ": offset " +
                std::to_string(offset) + ": " + std::to_string(size) +
                " bytes of an unfinished record " +
                (writer_ ? "to be cut off" : "passed over"));
}

void TextLog::note_damage(std::uint64_t offset, std::uint64_t size) const {
  options_.tell("damaged, and passed over: " + options_.path_of(kName) +
                ": offset " + std::to_string(offset) + ": " +
                std::to_string(size) + " bytes");
}

void TextLog::throw_damage(std::uint64_t offset) const {
  throw Damage(options_.path_of(kName), offset, kNoRecord);
}

template <typename OnDamage>
TextStore::Live TextStore::find_live(std::uint64_t end, std::string_view from,
                                     std::string_view to,
                                     const OnDamage& on_damage) {
  Live live;
  log_.for_each_line(
      "find the live records", end,
      [&](const TextLine& line) {
        live.record_bytes += line.size;
        if (line.key < from || (!to.empty() && line.key >= to)) return;
        auto place = live.lines.find(line.key);
        if (place == live.lines.end()) {
          place = live.lines.emplace(line.key, TextLine()).first;
        }
        place->second = line;
        place->second.key = {};
      },
      on_damage);
  return live;
}

TextStore::Live TextStore::live_or_damage(std::string_view from,
                                          std::string_view to) {
  return find_live(log_.size(), from, to, [&](const TextLine& line) {
    log_.throw_damage(line.offset);
  });
}

void TextStore::keys(const KeyVisitor& visit) {
  for (const auto& [key, line] : live_or_damage("", "").lines) visit(key);
}

void TextStore::scan(std::string_view from, std::string_view to,
                     const PairVisitor& visit) {
  std::string value;
  for (const auto& [key, line] : live_or_damage(from, to).lines) {
    log_.read(line.value_offset, line.value_size, value, "read the value");
    visit(key, value);
  }
}

Stats TextStore::stats() {
  Stats stats;
  if (log_.file() == nullptr) return stats;
  const std::uint64_t end = log_.size();
  const Live live = find_live(end, "", "", [&](const TextLine& line) {
    log_.note_damage(line.offset, line.size);
  });
  stats.keys = live.lines.size();
  for (const auto& [key, line] : live.lines) stats.live_bytes += line.size;
  stats.dead_bytes = live.record_bytes - stats.live_bytes;
  stats.disk_bytes = end;
  stats.files = 1;
  return stats;
}

void TextStore::dump(std::string_view file, const DumpVisitor& visit) {
  if (!file.empty() && file != TextLog::kName) {
    throw InvalidInput("this store has no file '" + std::string(file) +
                       "': its file is " + TextLog::kName);
  }
  if (log_.file() == nullptr) return;
  const std::uint64_t end = log_.size();
  const Live live = find_live(end, "", "", [](const TextLine&) {});
  TextReader reader(*log_.file(), end, "dump the records");
  TextLine line;
  std::string value;
  for (Decoded decoded = reader.next(line); decoded != Decoded::kEnd;
       decoded = reader.next(line)) {
    DumpRecord record;
    record.file = TextLog::kName;
    record.offset = line.offset;
    record.size = line.size;
    if (decoded == Decoded::kRecord) {
      log_.read(line.value_offset, line.value_size, value, "read the value");
      record.fields = {{"key", line.key}, {"value", value}};
      const bool newest =
          live.lines.find(line.key)->second.offset == line.offset;
      record.state =
          newest ? DumpRecord::State::kLive : DumpRecord::State::kDead;
    } else if (decoded == Decoded::kTorn) {
      record.state = DumpRecord::State::kTorn;
      record.why = "no newline ends the line";
    } else {
      record.state = DumpRecord::State::kDamaged;
      record.why = kNoRecord;
    }
    visit(record);
  }
}

}  // namespace strata
