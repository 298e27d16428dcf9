#!/usr/bin/env python3
"""Lays out a skeleton for a stage of the reader's own, in C++, and enters it in
the list of stages."""

import argparse
import pathlib
import re
import sys

from lesson import NUMBERS, ROOT, STAGES, logs, sorts, stage

HERE = pathlib.Path(__file__).resolve().parent
LIST = ROOT / 'stages/CMakeLists.txt'
NAME = re.compile(r'([0-9]{2})((?:_[a-z0-9]+)+)')

COMPACT_H = '''\
  void del(std::string_view key) override;
  void compact() override;
'''
VERIFY_H = '''\
  void verify(const DamageVisitor& visit) override;
  void salvage(const std::string& directory,
               const DamageVisitor& visit) override;
'''
COMPACT_CPP = '''
void @CLASS@::del(std::string_view key) {
  @LIMITS@.check_key(key);
  not_written("del");
}

void @CLASS@::compact() {
  not_written("compact");
}
'''
VERIFY_CPP = '''
void @CLASS@::verify(const DamageVisitor& /*visit*/) {
  not_written("verify");
}

void @CLASS@::salvage(const std::string& /*directory*/,
@INDENT@   const DamageVisitor& /*visit*/) {
  not_written("salvage");
}
'''
FLUSH_H = '''\
  void flush() override;
'''
FLUSH_CPP = '''
void @CLASS@::flush() {
  if (options_.mode == Mode::kRead) return;
  not_written("flush");
}
'''
NAME_H = '''\
  /// The log's name within the store's directory.
  static constexpr const char* kName = "log";

'''
MEMBERS = '''\
  std::optional<LogWriter> writer_;     // appends to the log
  std::optional<File> reader_;          // where the store is only read
'''
OPEN_LOG = '''\
  if (options.mode == Mode::kWrite) {
    directory_.emplace(lock_store(options));
    writer_.emplace(options, *directory_, kName);
  } else {
    reader_ = File::open_if_there(options.system(), options.path_of(kName),
                                  "read the log");
  }
'''
OPEN_TABLES = '''\
  if (options.mode == Mode::kWrite) directory_.emplace(lock_store(options));
'''
NO_LOG = '''\
  if (!writer_ && !reader_) return false;  // there is no store yet
'''
NO_TABLES = '''\
  if (list_directory(options_.system(), options_.directory, "find the tables")
          .empty()) {
    return false;  // there is no store yet
  }
'''
SEGMENT_BYTES = '''{"--segment-bytes",
                   "close the active segment once it holds so many bytes",
                   std::uint64_t{64} << 20, 1, std::uint64_t{1} << 62}'''

MEMTABLE_BYTES = '''{"--segment-bytes",
                   "write the memtable out once it holds so many bytes",
                   std::uint64_t{4} << 20, 1, std::uint64_t{1} << 62}'''


def values_for(name, number):
    """What stands for each @WORD@ of the skeleton."""
    # With its number in it: all stages are linked into one program.
    class_name = f'S{name[:2]}' + ''.join(
        part.capitalize() for part in NAME.fullmatch(name)[2].split('_'))
    refuses = []
    if number <= 5:
        refuses += ['kNoDelete', 'kNoCompaction']
    if number <= 4:
        refuses += ['kNoSegments']
    if number <= 3:
        refuses += ['kNoVerify', 'kNoSalvage']
    text, tables = number <= 3, not logs(number)
    header = 'common/record/' + ('text_record.h' if text else 'binary_record.h')
    writer = '#include "common/store/log_writer.h"\n'
    return {
        'NAME': name, 'LIKE': STAGES[number],
        'DEL_H': COMPACT_H if number > 5 else '',
        'VERIFY_H': '' if text else VERIFY_H,
        'DEL_CPP': COMPACT_CPP if number > 5 else '',
        'VERIFY_CPP': '' if text else VERIFY_CPP,
        'FLUSH_H': FLUSH_H if tables else '',
        'FLUSH_CPP': FLUSH_CPP if tables else '',
        'NAME_H': '' if tables else NAME_H,
        'MEMBERS': '' if tables else MEMBERS,
        'OPEN': OPEN_TABLES if tables else OPEN_LOG,
        'NO_STORE': NO_TABLES if tables else NO_LOG,
        'WRITER_H': '' if tables else writer,
        'WRITER_CPP': writer if tables else '',
        'LIMITS': 'kTextLimits' if text else
                  'Limits{}' if sorts(number) else 'kBinaryLimits',
        'LIMITS_H': '' if sorts(number) else f'#include "{header}"\n',
        'SORTS': ('      .sorts = true,\n' if sorts(number) else '') +
                 ('      .logs = false,\n' if tables else ''),
        'OPTIONS': MEMTABLE_BYTES if sorts(number) else
                   SEGMENT_BYTES if number > 4 else '',
        'REFUSES': ', '.join(refuses),
        'CHECKSUMS': 'false' if text else 'true',
        'SCANS': 'true' if number < 3 else 'false',
        'INDENT': ' ' * (len(class_name) + len('void ::scan(')),
        'CLASS': class_name,  # last: it stands in others
    }


def lay_out(name, number):
    folder = ROOT / 'stages' / name
    folder.mkdir()
    values = values_for(name, number)
    for template in sorted((HERE / 'skeleton').glob('*.in')):
        text = template.read_text()
        for word, value in values.items():
            text = text.replace(f'@{word}@', value)
        (folder / template.name.removesuffix('.in')).write_text(text)


def main():
    parser = argparse.ArgumentParser(
        prog='./strata grade', usage='./strata grade --stage NN --start [NAME]',
        description=__doc__)
    parser.add_argument('--stage', metavar='NN', required=True, type=stage,
                        help=f'whose contract it is to keep: {NUMBERS}')
    parser.add_argument('--start', metavar='NAME', nargs='?', const='',
                        help='such as 5N_mine, which it is if left out: a digit '
                        'from 1 on, N, and words')
    options = parser.parse_args()
    digit = str(options.stage)
    name = options.start or f'5{digit}_mine'
    if not NAME.fullmatch(name) or name[0] == '0' or name[1] != digit:
        parser.error(f'{name} is no name of a stage of yours: a digit from 1 '
                     f'on, {digit} for the stage that it is to be like, and '
                     f'words in small letters: 5{digit}_mine')
    if (ROOT / 'stages' / name).exists():
        parser.error(f'stages/{name} is there already; it stays as it is')
    if any(path.name.startswith(name[:2])
           for path in (ROOT / 'stages').glob('[0-9][0-9]_*')):
        parser.error(f'the number {name[:2]} is taken')
    listed = LIST.read_text()
    end = listed.index(')', listed.index('set(STRATA_STAGES\n'))
    lay_out(name, options.stage)
    LIST.write_text(f'{listed[:end]}  {name}\n{listed[end:]}')
    program = f'build/release/bin/{name}'
    print(f'''stages/{name} is there, and in the list in stages/CMakeLists.txt.
Nothing in it is written yet, and it says so. Now, in turns:

  $EDITOR stages/{name}/store.cpp
  ./strata build
  ./strata grade --stage {options.stage:02} -- {program}
''', end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())
