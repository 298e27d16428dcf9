#include "common/record/log_entries.h"

#include "common/record/binary_record.h"
#include "common/store/errors.h"

namespace strata {

void read_exactly(const File& log, std::uint64_t offset, std::uint64_t size,
                  const char* why, std::string& out) {
  out.resize(size);
  read_exactly(log, offset, size, out.data(), why);
}

void read_exactly(const File& log, std::uint64_t offset, std::uint64_t size,
                  char* out, const char* why) {
  if (log.read_at(offset, out, size, why) < size) {
    throw Damage(log.path(), offset, "the file has become shorter");
  }
}

void dump_log(const File& log, std::uint64_t size, std::string_view name,
              const StateOf& state_of, const Store::DumpVisitor& visit) {
  std::string value;
  for_each_entry(
      log, size, "dump the records",
      [&](Decoded decoded, const LogEntry& entry) {
        DumpRecord record;
        record.file = name;
        record.offset = entry.offset;
        record.size = entry.size;
        record.why = entry.why;
        record.state = decoded == Decoded::kTorn ? DumpRecord::State::kTorn
                                                 : DumpRecord::State::kDamaged;
        if (decoded != Decoded::kRecord) return visit(record);
        read_exactly(log, entry.value_offset(), entry.header.value_size,
                     "dump the records", value);
        const std::string crc = to_hex(entry.header.crc);
        const std::string tstamp = std::to_string(entry.header.tstamp);
        const std::string key_size = std::to_string(entry.header.key_size);
        const std::string value_size = std::to_string(entry.header.value_size);
        record.fields = {{"crc", crc},       {"tstamp", tstamp},
                         {"ksz", key_size},  {"vsz", value_size},
                         {"key", entry.key}, {"value", value}};
        record.state = state_of(entry, value);
        visit(record);
      });
}

void salvage_log(const File& log, std::uint64_t size, LogWriter& copy,
                 const Store::DamageVisitor& visit) {
  std::string record;
  for_each_entry(
      log, size, "salvage", [&](Decoded decoded, const LogEntry& entry) {
        if (decoded == Decoded::kRecord) {
          read_exactly(log, entry.offset, entry.size, "salvage", record);
          copy.append(record);
        } else {
          visit({.file = log.path(),
                 .offset = entry.offset,
                 .size = entry.size,
                 .why = entry.why});
        }
      });
}

void check_new_or_empty(Os& os, const std::string& directory) {
  const InvalidInput refusal("salvage wants a new or empty directory: " +
                             directory);
  try {
    if (!list_directory(os, directory, "is it empty?").empty()) throw refusal;
  } catch (const IoError& error) {
    if (error.code() == std::errc::not_a_directory) throw refusal;
    throw;
  }
}

}  // namespace strata
