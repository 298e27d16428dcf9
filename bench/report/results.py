"""Reads results.json: Google Benchmark's own format, with names and counters
as bench/README.md has them. Files of other benchmarks are read as far as they
go: what a name does not tell is None, what a label does not tell is ''."""

import dataclasses
import json
import math
import re
import statistics

NS_PER = {'ns': 1.0, 'us': 1e3, 'ms': 1e6, 's': 1e9}
KINDS = ('stage', 'peer', 'limit', 'tool', 'variant')

# What Google Benchmark itself puts into an entry; all other numbers count.
ITS_OWN = {
    'name', 'family_index', 'per_family_instance_index', 'run_name',
    'run_type', 'repetitions', 'repetition_index', 'threads', 'iterations',
    'real_time', 'cpu_time', 'time_unit', 'aggregate_name', 'aggregate_unit',
    'label', 'error_occurred', 'error_message', 'skipped', 'skip_message',
    'cpu_coefficient', 'real_coefficient', 'big_o', 'rms'}
ITS_CONTEXT = {
    'date', 'host_name', 'executable', 'num_cpus', 'mhz_per_cpu',
    'cpu_scaling_enabled', 'aslr_enabled', 'caches', 'load_avg',
    'library_build_type', 'library_version', 'json_schema_version'}

HOW_IT_RAN = re.compile(
    r'(iterations|repeats|min_time|min_warmup_time):.*'
    r'|(manual|real|process)_time')
STAGE = re.compile(r'\d\d_\w+')


class BadResults(Exception):
    """A file that holds no results; says why."""


@dataclasses.dataclass
class Result:
    """What one subject did in one workload at one size: times in nanoseconds
    for one operation."""
    name: str
    workload: str
    subject: str
    n: 'int | None' = None  # the size
    counts: str = ''        # what it counts: 'keys', 'segments', ... or ''
    value: 'int | None' = None
    more: tuple = ()      # numbers of the name that are none of those
    kind: str = ''        # one of KINDS, or '' if nothing tells
    durability: str = ''  # process, system, disk, or ''
    rounds: list = dataclasses.field(default_factory=list)
    ns: 'float | None' = None  # the median
    counters: dict = dataclasses.field(default_factory=dict)
    error: str = ''

    @property
    def low(self):
        """The fastest round."""
        return min(self.rounds, default=self.ns)

    @property
    def high(self):
        """The slowest round."""
        return max(self.rounds, default=self.ns)

    @property
    def spread(self):
        """How far the rounds lie apart, for each part of the median; None
        where there are too few to tell."""
        return (self.high - self.low) / self.ns if len(self.rounds) > 1 else None

    @property
    def key(self):
        return self.workload, self.subject, self.n, self.value, self.more


def overlap(one, other):
    """Whether the ranges of the rounds of two results overlap, so that their
    difference is within the noise. None where rounds are too few to tell."""
    if len(one.rounds) < 2 or len(other.rounds) < 2:
        return None
    return one.low <= other.high and other.low <= one.high


@dataclasses.dataclass
class Run:
    """One file of results."""
    context: dict
    results: list

    def flag(self, name):
        said = self.context.get(name, False)
        return said is True or str(said).lower() in ('true', 'yes', '1')

    @property
    def missing(self):
        """How many of the results that were to be measured are not here: the
        run was interrupted."""
        planned = self.text('planned_results')
        return (max(0, int(planned) - len(self.results))
                if planned.isdecimal() else 0)

    @property
    def interrupted(self):
        return self.missing > 0 or self.flag('interrupted')

    def text(self, *names):
        """The first of the names that the context knows, else ''."""
        for name in names:
            if name in self.context:
                return str(self.context[name])
        return ''

    @property
    def build_type(self):
        return self.text('build_type', 'strata_build_type').split(' (')[0]

    @property
    def measured(self):
        return [one for one in self.results if one.ns is not None]

    @property
    def failed(self):
        return [one for one in self.results if one.error]


NUMBER = re.compile(r'(?:([a-z]\w*):)?(\d+)')


def sizes_of(name):
    """What a name says: 'get_hit/07_bitcask/n:1000/value:100/...' -> a dict
    with workload, subject, n, counts, value and more."""
    words, numbers = [], []
    for part in name.split('/'):
        found = NUMBER.fullmatch(part)
        if HOW_IT_RAN.fullmatch(part):
            continue
        if found and words:
            numbers.append((found[1] or '', int(found[2])))
        else:
            words.append(part)
    value = next((size for what, size in numbers if what == 'value'), None)
    numbers = [one for one in numbers if one[0] != 'value']
    # A number of another name than n is what the workload is about.
    numbers.sort(key=lambda one: one[0] == 'n')
    counts, n = numbers[0] if numbers else ('', None)
    return {'workload': words[0] if words else name,
            'subject': '/'.join(words[1:]), 'n': n,
            'counts': 'keys' if counts == 'n' else counts, 'value': value,
            'more': tuple(numbers[1:])}


def kind_and_durability(label, subject):
    words = [word.strip() for word in label.split(',')]
    kind = words[0] if words[0] in KINDS else ''
    durability = words[1] if kind and len(words) > 1 else ''
    if not kind and STAGE.fullmatch(subject):
        kind = 'stage'
    return kind, durability


def time_of(entry):
    """Nanoseconds of an operation, or None."""
    time = entry.get('real_time')
    if not is_number(time) or time <= 0:
        return None
    return time * NS_PER.get(entry.get('time_unit', 'ns'), 1.0)


def is_number(value):
    try:
        return (isinstance(value, (int, float)) and not isinstance(value, bool)
                and math.isfinite(value))
    except OverflowError:  # an integer that no float can hold
        return False


def take(result, entries):
    """Takes over the rounds, or, where only those were kept, the median."""
    rounds = [one for one in entries if one.get('run_type') != 'aggregate']
    medians = [one for one in entries if one.get('aggregate_name') == 'median']
    told = rounds or medians
    result.error = next(
        (str(one.get('error_message') or 'an error without a message')
         for one in entries if one.get('error_occurred')), '')
    if result.error or not told:
        return
    spent = [ns for ns in map(time_of, told) if ns is not None]
    if not spent:
        result.error = 'no time was measured'
        return
    result.rounds = spent if rounds else []
    result.ns = statistics.median(spent)
    for name in {name for one in told for name in one} - ITS_OWN:
        seen = [one[name] for one in told if is_number(one.get(name))]
        if seen:
            result.counters[name] = statistics.median(seen)


def from_json(text):
    """@returns the Run. @throws BadResults"""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadResults(f'is not JSON: {error}') from None
    if not isinstance(document, dict) or not isinstance(
            document.get('benchmarks'), list):
        raise BadResults('is JSON, but not results of Google Benchmark: '
                         'it has no list "benchmarks"')
    entries = [one for one in document['benchmarks']
               if isinstance(one, dict) and isinstance(one.get('name'), str)]
    groups = {}
    for one in entries:
        name = one.get('run_name')
        groups.setdefault(name if isinstance(name, str) else one['name'],
                          []).append(one)
    results = []
    for name, group in groups.items():
        result = Result(name, **sizes_of(name))
        label = next((str(one['label']) for one in group if one.get('label')),
                     '')
        result.kind, result.durability = kind_and_durability(
            label, result.subject)
        take(result, group)
        if result.ns is not None or result.error:
            results.append(result)
    if not results:
        raise BadResults('holds no results')
    context = document.get('context')
    return Run(context if isinstance(context, dict) else {}, results)


def load(path):
    """@returns the Run in the file. @throws BadResults, which names it."""
    try:
        with open(path, encoding='utf-8') as file:
            return from_json(file.read())
    except OSError as error:
        raise BadResults(f'{path}: {error.strerror}') from None
    except UnicodeDecodeError:
        raise BadResults(f'{path}: is not JSON: not UTF-8') from None
    except BadResults as error:
        raise BadResults(f'{path}: {error}') from None
