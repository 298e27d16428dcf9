"""The results of a run, asked for by what a section of the report needs."""

import collections
import re

from words import NO_BREAK, number

KEY_BYTES = 16
NO_LABEL = ''
KINDS = ('stage', 'variant', 'peer', 'tool', 'limit', '')
ASIDE = {'whole_file', 'start', 'merge'}  # with subjects of their own
REACHED = {
    'process': 'the process: kill -9 loses it',
    'system': 'the operating system: only a power cut loses it',
    'disk': 'the disk',
    NO_LABEL: 'what, the results do not tell',
}


class Data:
    """Indexes a run. Where nothing else is said, results are those with the
    usual size of a value: the one that most were measured with, or, where a
    workload has none of those, the one that most of its own have."""

    def __init__(self, run):
        self.run = run
        values = collections.defaultdict(collections.Counter)
        for one in run.measured:
            values[one.workload][one.value] += 1
        every = sum(values.values(), collections.Counter())
        del every[None]
        self.value = every.most_common(1)[0][0] if every else None
        self.values = {
            workload: self.value if self.value in its
            else its.most_common(1)[0][0] for workload, its in values.items()}
        self.kinds = {}
        for one in run.results:
            self.kinds[one.subject] = self.kinds.get(one.subject) or one.kind

    def find(self, workload, subject, n):
        return next((one for one in self.of(workload)
                     if (one.subject, one.n) == (subject, n)), None)

    def of(self, workload):
        """Its results, in the order of the subjects and of their sizes."""
        return sorted(
            (one for one in self.run.measured
             if one.workload == workload
             and one.value == self.values[workload]),
            key=lambda one: (self.order(one.subject), one.n or 0))

    def workloads(self):
        """The names of all, in the order of the file."""
        return list(dict.fromkeys(one.workload for one in self.run.measured))

    def order(self, subject):
        return KINDS.index(self.kinds.get(subject, '')), subject

    def subjects(self, kind):
        return sorted({one.subject for one in self.run.measured
                       if self.kinds[one.subject] == kind})

    def contestants(self, kind):
        """Those that take part in more than what is measured beside them
        only, such as grep in the search of a whole log."""
        return sorted({one.subject for one in self.run.measured
                       if one.workload not in ASIDE
                       and self.kinds[one.subject] == kind})

    @property
    def stages(self):
        return self.subjects('stage')

    def style(self, subject):
        """How it is drawn: a stage in the colour of its number."""
        kind = self.kinds.get(subject, '')
        if kind == 'stage':
            digits = re.match(r'\d+', subject)
            index = int(digits[0]) - 1 if digits else self.stages.index(subject)
            return f's{index % 10}'
        return kind if kind in ('peer', 'limit') else 'other'

    def largest(self, results):
        """Of each subject the result with the most keys."""
        most = {}
        for one in results:
            other = most.get(one.subject)
            if other is None or (one.n or 0) > (other.n or 0):
                most[one.subject] = one
        return list(most.values())

    def common_size(self, workloads):
        """The largest number of keys with which every stage that has one of
        the workloads was measured, or None."""
        sizes = {}
        for one in self.run.measured:
            if one.kind == 'stage' and one.workload in workloads:
                sizes.setdefault(one.subject, set()).add(one.n)
        shared = set.intersection(*sizes.values()) if sizes else set()
        return max(shared - {None}, default=None)

    def common(self, one_subject, other, workload):
        """The results of two at the largest size that both have, or None.
        Only equals are compared: of different durability there are none."""
        mine = {one.n: one for one in self.of(workload)
                if one.subject == one_subject}
        shared = [(one.n or 0, mine[one.n], one) for one in self.of(workload)
                  if one.subject == other and one.n in mine
                  and one.durability == mine[one.n].durability]
        return max(shared, key=lambda three: three[0])[1:] if shared else None


def by_class(results):
    """[(class, its results)], the class with the most stages first: only
    equals stand beside each other."""
    groups = {}
    for one in results:
        groups.setdefault(one.durability, []).append(one)

    def weight(group):
        return (-sum(one.kind == 'stage' for one in group[1]), -len(group[1]),
                group[0])
    return sorted(groups.items(), key=weight)


def sized(counts, n):
    """A size in words: '1,000 keys', '8 MiB', 'n = 3', or '' for none."""
    if n is None:
        return ''
    if not counts:
        return f'n = {number(n)}'
    return number(n) + NO_BREAK + {'mib': 'MiB'}.get(counts, counts)


def with_size(one, end=', '):
    """'with 1,000 keys, ', or '' where a result has no size."""
    return f'with {sized(one.counts, one.n)}{end}' if one.n is not None else ''


# For each workload its title, and one operation as a noun.
WORKLOADS = {
    'fill_sequential': ('New keys, ascending', 'a write of a new key, ascending'),
    'fill_random': ('New keys, in random order', 'a write of a new key'),
    'overwrite': ('New values for old keys', 'an overwrite'),
    'set_durable': ('Writes that are on disk when acknowledged',
                    'a durable write'),
    'churn': ('New values for old keys, four times over',
              'an overwrite beside merges'),
    'get_hit': ('Get a key that is there', 'a get'),
    'get_miss': ('Get a key that is missing', 'a miss'),
    'miss_in_segments': ('Get a missing key from ever more segments',
                         'a miss'),
    'get_newest': ('Get the key written last', 'a get of the newest key'),
    'get_oldest': ('Get the key written first', 'a get of the oldest key'),
    'get_zipfian': ('Get, few keys often', 'a Zipfian get'),
    'get_batch': ('Get 32 keys together, for each',
                  'a get of one among 32 asked together'),
    'get_two_threads': ('Get from two threads, for each key',
                        'a get of two threads together'),
    'scan': ('Scan everything, for each entry', 'an entry of a whole scan'),
    'scan_100': ('Scan 100 neighbours, for each entry',
                 'an entry of a short scan'),
    'open_clean': ('Open after a clean close', 'opening after a clean close'),
    'open_crashed': ('Open after a crash', 'opening after a crash'),
    'start': ('Open, beside the limit', 'opening'),
    'merge': ('Merge a store of which half is garbage', 'a merge'),
    'merge_reads': ('Get while a merge runs', 'a get while a merge runs'),
    'whole_file': ('Search a whole log', 'searching a whole log'),
    'ycsb_a': ('YCSB A: half reads, half updates', 'an operation of YCSB A'),
    'ycsb_b': ('YCSB B: mostly reads', 'an operation of YCSB B'),
    'ycsb_c': ('YCSB C: only reads', 'an operation of YCSB C'),
    'ycsb_d': ('YCSB D: reads of what is new', 'an operation of YCSB D'),
    'ycsb_e': ('YCSB E: short scans', 'an operation of YCSB E'),
    'ycsb_f': ('YCSB F: read, modify, write', 'an operation of YCSB F'),
}


def title_of(workload):
    return WORKLOADS.get(workload, (workload,))[0]


def noun_of(workload):
    return WORKLOADS.get(workload, ('', f'an operation of {workload}'))[1]
