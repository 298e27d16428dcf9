// Write-ahead logs, and stores with one in them: stages/09_lsm_tree/log.h.
#include <cstdint>

#include "common/os/file.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "stages/09_lsm_tree/batch.h"
#include "stages/09_lsm_tree/log.h"
#include "tests/fuzz/lsm_store.h"

namespace strata::fuzz {

namespace {

using lsm::append_begin;
using lsm::append_log_record;
using lsm::Batch;
using lsm::Entry;
using lsm::kLogHeaderBytes;
using lsm::LogItem;
using lsm::LogKind;
using lsm::LogReader;
using lsm::Previous;
using lsm::take_entry;

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kSizeAt = 2 * kCrcBytes + 1;

std::uint64_t size_of(std::string_view record) {
  return read_big_endian<std::uint64_t>(record.substr(kSizeAt));
}

// Puts the right checksums into each record, as far as their lengths lead.
void mend(std::string& log) {
  for (std::size_t at = 0; log.size() - at >= kLogHeaderBytes;) {
    const std::string_view rest = std::string_view(log).substr(at);
    const std::uint64_t size = size_of(rest);
    const bool is_whole = size <= rest.size() - kLogHeaderBytes;
    char* const record = log.data() + at;
    if (is_whole) {
      const auto body = rest.substr(kLogHeaderBytes, size);
      put_big_endian(crc32(body), record + kCrcBytes);
    }
    put_big_endian(crc32(rest.substr(kCrcBytes, kLogHeaderBytes - kCrcBytes)),
                   record);
    if (!is_whole) return;
    at += kLogHeaderBytes + static_cast<std::size_t>(size);
  }
}

// Whether a log that goes on like this has a record in front.
bool begins_with_record(std::string_view rest) {
  if (rest.size() < kLogHeaderBytes) return false;
  const std::uint64_t size = size_of(rest);
  if (size > rest.size() - kLogHeaderBytes) return false;
  std::string again;
  append_log_record(static_cast<LogKind>(rest[2 * kCrcBytes]),
                    rest.substr(kLogHeaderBytes, size), again);
  return rest.substr(0, again.size()) == again &&
         static_cast<unsigned char>(rest[2 * kCrcBytes]) <= 1;
}

// Takes a batch's body apart. What was taken out goes into a batch of our own,
// out of which the same must come.
void take_apart(std::string_view bytes) {
  const std::vector<char> body = exactly(bytes);
  std::string_view rest = view_of(body);
  Batch batch;
  std::size_t count = 0;
  Entry entry;
  std::size_t left = rest.size();
  Decoded decoded = take_entry(rest, entry);
  for (; decoded == Decoded::kRecord; decoded = take_entry(rest, entry)) {
    expect(rest.size() + entry.key.size() + entry.value.size() < left,
           "an entry is as long as its key and its value, or longer");
    left = rest.size();
    ++count;
    entry.is_tombstone ? batch.del(entry.key)
                       : batch.set(entry.key, entry.value);
  }
  expect((decoded == Decoded::kEnd) == rest.empty(), "all of it is entries");
  std::string_view again = batch.body();
  expect(again.size() <= body.size() - rest.size(), "no shorter than ours");
  rest = view_of(body);
  Entry ours;
  for (; count > 0; --count) {
    static_cast<void>(take_entry(rest, entry));
    expect(take_entry(again, ours) == Decoded::kRecord, "all are taken");
    expect(ours.key == entry.key && ours.value == entry.value &&
               ours.is_tombstone == entry.is_tombstone,
           "as they were put in");
  }
  expect(take_entry(again, ours) == Decoded::kEnd, "and no other");
}

void read(std::string_view log) {
  MemoryOs disk;
  disk.put("log", log);
  const File file = File::open(disk, "log", OpenMode::kRead, "fuzz");
  LogReader reader(file, log.size(), "fuzz");
  LogItem item;
  std::size_t at = 0;
  Decoded decoded = reader.next(item);
  for (; decoded != Decoded::kEnd; decoded = reader.next(item)) {
    const std::string_view rest = log.substr(at);
    expect(item.offset == at, "what is told follows what was told before");
    expect(item.size > 0 && item.size <= rest.size(), "it is in the log");
    expect((decoded == Decoded::kRecord) == begins_with_record(rest),
           "the reader passes over no record, and makes none up");
    if (decoded == Decoded::kRecord) {
      std::string again;
      append_log_record(item.kind, item.body, again);
      expect(again == rest.substr(0, static_cast<std::size_t>(item.size)),
             "a record encodes to the bytes that it came from");
      Previous previous;
      if (decode_begin(item.body, previous)) {
        again.clear();
        append_begin(previous, again);
        expect(again.substr(kLogHeaderBytes) == item.body, "so does a begin");
      }
      take_apart(item.body);
    } else {
      expect(*item.why != '\0', "damage is told with a reason");
    }
    at += static_cast<std::size_t>(item.size);
    expect(decoded != Decoded::kTorn || at == log.size(),
           "nothing stands behind a torn tail");
  }
  expect(at == log.size(), "all of the log is told of");
}

std::string record_of(const Batch& batch) {
  std::string record;
  append_log_record(LogKind::kBatch, batch.body(), record);
  return record;
}

// A store whose first log this is, alone or with another one behind it.
void run_store(const std::string& log, bool is_alone) {
  MemoryOs disk;
  disk.put("db/1.log", log);
  if (!is_alone) {
    std::string next;
    append_begin({1, log.size()}, next);
    Batch batch;
    batch.set("apple", "newer");
    disk.put("db/2.log", next + record_of(batch));
  }
  write_store(disk, read_store(disk));
}

}  // namespace

std::vector<std::string> seeds() {
  std::string begin;
  append_begin({}, begin);
  Batch batch;
  batch.set("apple", "1");
  std::string log = begin + record_of(batch);
  batch.clear();
  batch.del("apple");
  batch.set("key120", std::string(300, 'v'));
  log += record_of(batch);
  std::string nested = begin;  // a log as a value
  batch.clear();
  batch.set("log", log);
  nested += record_of(batch) + record_of(Batch());
  std::string behind;
  append_begin({7, 1000}, behind);
  const std::vector<std::string> logs = {
      begin,
      log,
      nested,
      behind + record_of(batch),
      log.substr(0, log.size() - 1),
      log.substr(0, log.size() - 100) + std::string(100, '\0'),
      log + std::string(20, '\0'),
      nested.substr(0, nested.size() / 2)};
  // As they are, with checksums mended, and the latter in a store, alone and in
  // front of another one.
  std::vector<std::string> all = either_way(logs);
  for (const std::string& one : logs) {
    all.push_back('\3' + one);
    all.push_back('\7' + one);
  }
  return all;
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string log(in.bytes);
  if ((in.how & 1) != 0) mend(log);
  if ((in.how & 2) != 0) return run_store(log, (in.how & 4) == 0);
  take_apart(in.bytes);
  read(log);
}

}  // namespace strata::fuzz
