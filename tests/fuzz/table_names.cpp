// The names in a directory of tables: stages/08_sstables/table_file.h.
#include <algorithm>
#include <cstdint>

#include "common/store/errors.h"
#include "stages/08_sstables/table_file.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

namespace {

using sstables::TableRange;

std::vector<std::string> names_of(const std::vector<TableRange>& ranges) {
  std::vector<std::string> names;
  for (const TableRange& range : ranges) names.push_back(range.name());
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The tables among the names, which no other one holds.
bool list(const std::vector<std::string>& names, std::vector<TableRange>& told,
          std::vector<TableRange>& superseded) {
  try {
    told = sstables::tables_among(names, "db", superseded);
    return true;
  } catch (const Damage&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> seeds() {
  return {"1-1.sst\n2-2.sst\n10-10.sst\n",
          "1-4.sst\n1-1.sst\n2-3.sst\n5-5.sst\n6-6.sst.writing\nnotes.txt\n",
          "1-4.sst\n3-6.sst\n", "01-1.sst\n", "1-18446744073709551615.sst\n"};
}

// Names stand one on a line.
void decode(std::string_view input) {
  std::vector<std::string> names;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    names.emplace_back(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<TableRange> tables;
  std::vector<TableRange> superseded;
  const bool good = list(names, tables, superseded);
  std::reverse(names.begin(), names.end());
  std::vector<TableRange> again;
  std::vector<TableRange> others;
  expect(list(names, again, others) == good, "in whatever order names come");
  for (const std::string& name : names) {
    static_cast<void>(sstables::is_unfinished_table(name));
  }
  if (!good) return;
  expect(names_of(tables) == names_of(again), "the same tables are told");
  std::uint64_t last = 0;
  for (const TableRange& range : tables) {
    expect(range.first > last && range.last >= range.first, "in their order");
    expect(contains(names, range.name()), "each of them is a file");
    last = range.last;
  }
  for (const TableRange& range : superseded) {
    expect(contains(names, range.name()), "so is each that another one holds");
    expect(std::count_if(tables.begin(), tables.end(),
                         [&](const TableRange& table) {
                           return table.holds(range);
                         }) == 1,
           "which exactly one does");
  }
}

}  // namespace strata::fuzz
