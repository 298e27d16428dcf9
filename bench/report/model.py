"""The model of a report: everything that the page, the Markdown and the
terminal say, computed from one run."""

import json

import contests
import sentences
import space
import stages
from data import REACHED, WORKLOADS, Data, by_class, noun_of
from parts import (DASH, cell, class_named, lines_of, name_cell, section, table,
                   time_cell)
from results import ITS_CONTEXT
from targets import line, targets
from words import count_of, digits, duration, listing, number, ratio

FORMAT = 1  # of report.json
TOLD = {'processor', 'memory', 'file_system', 'compiler', 'build_type',
        'strata_build_type', 'commit', 'rounds', 'quick', 'interrupted',
        'durability', 'planned_results', 'largest_n'}
SUBJECT = 'subject_'  # how the context calls those that take part


def rounds_of(run):
    return sorted({len(one.rounds) for one in run.measured if one.rounds})


def facts(data):
    """What was run, where, on what: [(name, text)]."""
    run = data.run
    rounds = rounds_of(run)
    cpus = run.context.get('num_cpus')
    machine = ', '.join(filter(None, [
        run.text('processor'), count_of(cpus, 'CPU') if cpus else '',
        run.text('memory')]))
    known = [
        ('measured',
         run.text('date').replace('T', ' ').replace('+00:00', ' UTC')),
        ('machine', machine),
        ('file system', run.text('file_system')),
        ('compiler', run.text('compiler')),
        ('build', run.build_type),
        ('commit', run.text('commit')),
        ('rounds', number(rounds[0]) if len(rounds) == 1 else
         f'{rounds[0]} to {rounds[-1]}' if rounds else run.text('rounds')),
        ('value', f'{data.value} bytes' if data.value is not None else ''),
    ]
    more = [(name, said if isinstance(said, str) else json.dumps(said))
            for name, said in run.context.items()
            if name not in ITS_CONTEXT | TOLD and not name.startswith(SUBJECT)]
    return [{'name': name, 'text': text} for name, text in known + more if text]


def warnings(run):
    """What keeps the numbers from being taken at their word."""
    said = []
    if not run.build_type:
        said.append('The results do not tell how the benchmark was built.')
    elif run.build_type.lower() != 'release':
        said.append(f"Built as '{run.build_type}', not as Release: these times "
                    'mean nothing.')
    if run.flag('quick'):
        said.append('A quick run: stores are small and turns short, too short '
                    'to be held against a target.')
    if run.interrupted:
        said.append('The run was interrupted: what is here was measured, ' + (
            f'{count_of(run.missing, "result")} more are missing.'
            if run.missing else 'the rest is missing.'))
    if run.measured and not any(len(one.rounds) > 1 for one in run.measured):
        said.append('No result has more than one round: their spread is not '
                    'known, so no difference can be held against it.')
    for one in run.failed:
        said.append(f'Error in {one.name}: {one.error}')
    return said


def title(data):
    counted = [count_of(len(data.contestants(kind)), kind) for kind in
               ('stage', 'peer', 'limit') if data.contestants(kind)]
    what = count_of(len(data.workloads()), 'workload')
    return f'{listing(counted)} in {what}' if counted else what


# --- targets ------------------------------------------------------------------

def target_sentence(aims, quick):
    met = sum(one['met'] for one in aims)
    missed = [one['what'] for one in aims if not one['met']]
    text = (f'All of the {len(aims)} targets whose results are here are met.'
            if met == len(aims) else
            f'{met} of the {len(aims)} targets whose results are here are met; '
            f'not met: {"; ".join(missed)}.')
    return text + (' The run was quick: too short to be held against them.'
                   if quick else '')


def target_section(aims, quick):
    if not aims:
        return None
    rows = [[cell(one['what'], keys_of(one)), cell(one['measured']),
             cell(ratio(one['quotient']), value=one['quotient']),
             cell(f'{one["how"]} {one["limit"]:g}'),
             cell('met' if one['met'] else 'NOT MET', good=one['met'])]
            for one in aims]
    return section('targets', 'What was aimed at', tables=[
        table('Targets', ['', 'measured', 'is', 'shall be', ''], rows)],
        notes=[target_sentence(aims, quick)])


def keys_of(one):
    return f'n = {number(one["n"])}' if one['n'] is not None else ''


# --- what has no section of its own, and everything ----------------------------

def counters(one):
    return ', '.join(f'{name} {digits(value)}'
                     for name, value in sorted(one.counters.items()))


def result_row(data, one, more):
    between = (f'{duration(one.low)} to {duration(one.high)}'
               if len(one.rounds) > 1 else DASH)
    return [name_cell(data, one.subject or one.workload), cell(one.workload),
            cell(number(one.n) if one.n is not None else DASH),
            cell(number(one.value) if one.value is not None else DASH),
            cell(one.durability or DASH), time_cell(one), cell(between),
            cell(str(len(one.rounds) or DASH)), *more]


RESULT_HEADS = ['', 'workload', 'n', 'value', 'class', 'median', 'rounds',
                'how many']


def others(data):
    """Workloads that this report knows nothing of, a reader's own among them."""
    found = [one for one in data.workloads() if one not in WORKLOADS]
    # Sizes of a value that is not the usual one are not lost here either.
    rows = [result_row(data, one, [cell(counters(one))])
            for one in data.run.measured if one.workload in found]
    if not rows:
        return None
    drawn = [contests.workload_chart(data, workload) for workload in found
             if len({one.subject for one in data.of(workload)}) > 1]
    return section('others', 'Other workloads',
                   'What this report has no page of its own for.', drawn,
                   [table('Other workloads', [*RESULT_HEADS, 'counted'], rows)])


def subjects(data):
    """Who took part, as the context tells."""
    rows = []
    for kind in ('stage', 'peer', 'limit'):
        for name in data.subjects(kind):
            what = data.run.text(SUBJECT + name)
            if what:
                rows.append([name_cell(data, name), cell(kind),
                             cell(what)])
    if not rows:
        return None
    return section(
        'subjects', 'Who took part',
        'A stage is one of the stores that are taught here, a peer an engine '
        'that people use, a limit the same work with nothing in the way.',
        tables=[table('Who took part', ['', 'kind', 'what it is'], rows)])


def everything(data):
    rows = [result_row(data, one, []) for one in data.run.measured]
    return section(
        'everything', 'All results',
        tables=[table(f'{count_of(len(rows), "result")}', RESULT_HEADS, rows,
                      detail=True)],
        notes=[*classes(data), single(data)])


def classes(data):
    there = sorted({one.durability for one in data.run.measured})
    return ['An acknowledged write, or what a workload finds that only reads, '
            'has reached, ' + listing(
                f'in {class_named(one)}, '
                f'{REACHED.get(one, "what that class says")}' for one in there) +
            '. Only results of one class are set beside each other. 1 KB is '
            '1,000 bytes.']


def single(data):
    """The workloads whose spread is not known."""
    once = {one.workload for one in data.run.measured if len(one.rounds) < 2}
    return (f'Of one round, and so without a spread: {listing(sorted(once))}.'
            if once else '')


# --- the whole ----------------------------------------------------------------

def highlights(data, aims):
    said = []
    for workload in ('get_miss', 'get_hit'):
        groups = by_class([one for one in data.of(workload)
                           if one.kind == 'stage'])
        lines = lines_of(groups[0][1] if groups else [])
        said.append(sentences.extremes(noun_of(workload), lines))
        if said[-1]:
            break
    said += [contests.stands(data, workload)
             for workload in ('fill_random', 'get_hit')]
    if aims:
        said.append(f'{sum(one["met"] for one in aims)} of '
                    f'{count_of(len(aims), "target")} whose results are here '
                    'are met.')
    return [one for one in said if one]


SECTIONS = (stages.costs, stages.growth, stages.io, space.amplification,
            space.memory, contests.writes, contests.reads, contests.scans,
            contests.opens, contests.merges, contests.latency, space.sweep,
            contests.ycsb, contests.ratios, subjects, others, everything)


def build(run):
    """@returns the model: dicts, lists, texts and numbers, as in report.json."""
    data = Data(run)
    aims = targets(data)
    sections = [make(data) for make in SECTIONS]
    sections.insert(-3, target_section(aims, run.flag('quick')))
    return {
        'format': FORMAT,
        'title': title(data),
        'facts': facts(data),
        'warnings': warnings(run),
        'highlights': highlights(data, aims),
        'subjects': [{'name': one, 'kind': kind, 'style': data.style(one)}
                     for kind in ('stage', 'peer', 'limit')
                     for one in data.subjects(kind)],
        'targets': [{**one, 'line': line(one)} for one in aims],
        'sections': [one for one in sections if one],
        'results': [result_of(one) for one in run.results],
    }


def result_of(one):
    return {'name': one.name, 'workload': one.workload, 'subject': one.subject,
            'n': one.n, 'value': one.value, 'kind': one.kind,
            'class': one.durability, 'ns': one.ns, 'rounds_ns': one.rounds,
            'counters': one.counters, 'error': one.error}
