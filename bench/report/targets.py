"""What the stages aim at, and whether the results meet it."""

from data import KEY_BYTES
from words import duration, ratio, size

AT_MOST, AT_LEAST = 'at most', 'at least'
BESIDE_THE_KEY = 32  # bytes of the index of 07 for a key

# (workload, subject, the workload and the subject it is divided by, and what
# the quotient shall be). Of several divisors the first that is there counts.
TIMES = (
    ('fill_random', '04_keydir', 'fill_random', ['limit_io'], AT_MOST, 1.15),
    ('fill_random', '07_bitcask', 'fill_random', ['limit_io_hints', 'limit_io'],
     AT_MOST, 1.15),
    ('get_hit', '04_keydir', 'get_hit', ['limit_io'], AT_MOST, 1.15),
    ('get_hit', '07_bitcask', 'get_hit', ['limit_io'], AT_MOST, 1.15),
    ('get_hit', '07_bitcask', 'get_two_threads', ['07_bitcask'], AT_LEAST, 1.8),
    ('start', '07_bitcask', 'start', ['07_bitcask_limit'], AT_MOST, 1.5),
    ('merge', '06_compaction', 'merge', ['06_compaction_copied'], AT_MOST, 2),
    ('merge', '07_bitcask', 'merge', ['07_bitcask_copied'], AT_MOST, 2),
    ('whole_file', 'grep', 'whole_file', ['01_scan_log'], AT_LEAST, 2.5),
    ('whole_file', '02_reverse_scan', 'whole_file', ['01_scan_log'], AT_MOST, 1.2),
    ('whole_file', 'tac_grep', 'whole_file', ['02_reverse_scan'], AT_LEAST, 8),
)
TAILS = ('06_compaction', '07_bitcask')


def pair(data, workload, subject, over, divisors):
    """The two results at the largest size that both have, or None. Only equals
    are compared; what was made for a stage is its equal."""
    for divisor in divisors:
        below = {one.n: one for one in data.of(over) if one.subject == divisor}
        shared = [(one, below[one.n]) for one in data.of(workload)
                  if one.subject == subject and one.n in below
                  and (one.durability == below[one.n].durability
                       or divisor.startswith(subject))]
        if shared:
            return max(shared, key=lambda two: two[0].n or 0)
    return None


def target(what, n, measured, quotient, how, limit):
    met = quotient <= limit if how == AT_MOST else quotient >= limit
    return {'what': what, 'n': n, 'measured': measured, 'quotient': quotient,
            'how': how, 'limit': limit, 'met': met}


def of_times(data):
    for workload, subject, over, divisors, how, limit in TIMES:
        two = pair(data, workload, subject, over, divisors)
        if two:
            one, other = two
            below = other.subject if over == workload else f'its {over}'
            yield target(f'{workload}: {subject} / {below}', one.n,
                         f'{duration(one.ns)} / {duration(other.ns)}',
                         one.ns / other.ns, how, limit)


def of_tails(data):
    for subject in TAILS:
        two = pair(data, 'merge_reads', subject, 'merge_reads',
                   [f'{subject}_still'])
        tails = [one.counters.get('p999_ns', 0) for one in two or ()]
        if tails and all(tails):
            yield target(f'p99.9 of a get in {subject}: while a merge runs / '
                         'without', two[0].n,
                         f'{duration(tails[0])} / {duration(tails[1])}',
                         tails[0] / tails[1], AT_MOST, 2)


def of_memory(data):
    told = [one for one in data.run.measured if one.subject == '07_bitcask'
            and 'index_bytes_per_key' in one.counters]
    if told:
        one = max(told, key=lambda one: one.n or 0)
        index = one.counters['index_bytes_per_key'] - KEY_BYTES
        yield target('index of 07_bitcask beside the key, bytes a key', one.n,
                     size(index), index, AT_MOST, BESIDE_THE_KEY)


def targets(data):
    """All whose results are there."""
    return [*of_times(data), *of_tails(data), *of_memory(data)]


def line(one):
    """A target as a line of text."""
    return (f'{one["what"]} = {one["measured"]} = {ratio(one["quotient"])} '
            f'({one["how"]} {one["limit"]:g}: '
            f'{"met" if one["met"] else "NOT MET"})')
