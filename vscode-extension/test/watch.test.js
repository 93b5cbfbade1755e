'use strict';

// How the steps are ticked: the whole extension, with a program that answers when a test says so.

const assert = require('node:assert/strict');
const { afterEach, beforeEach, mock, test } = require('node:test');

const { LESSON, SETTINGS, click, pass, settle, started, stopTheClock } = require('./support');
const commands = require('../commands/active-active.json');

const subjects = Object.keys(commands).map((step) => `active-active/${step}`);
const ALL = subjects.map((subject) => [subject, 'done']);
const NONE = subjects.map((subject) => [subject, 'missing']);

beforeEach(stopTheClock);
afterEach(() => mock.restoreAll());

/** The look that begins after just this pause. */
async function lookAfter(here, pause) {
    const before = here.program.asked.length;
    await pass(pause - 1);
    assert.equal(here.program.asked.length, before, `a look began before ${pause} ms`);
    await pass(1);
    assert.equal(here.program.asked.length, before + 1, `no look began after ${pause} ms`);
    return here.program.open;
}

async function nobodyLooks(here, milliseconds) {
    const before = here.program.asked.length;
    await pass(milliseconds);
    assert.equal(here.program.asked.length, before);
}

test('a step is ticked when verify says that it is done, and not before', async () => {
    const here = await started();
    await here.openLesson();
    let look = await lookAfter(here, 2_000);
    assert.deepEqual(look.args, ['verify', ...subjects, '--output', 'json']);
    const states = ['missing', 'wrong', 'waiting', 'failed', 'Done', 'not done'];
    look.verifies(...subjects.map((subject, index) => [subject, states[index]]));
    await settle();
    assert.deepEqual(here.seen.contexts, {});
    look = await lookAfter(here, 3_000);
    look.verifies(['active-active/orient', 'done'], ['active-active/configure', 'missing']);
    await settle();
    assert.deepEqual(here.seen.contexts, { 'pgedge-bootstrap.active-active.orient.done': true });
});

test('only steps of the lesson are ticked', async () => {
    const here = await started();
    await here.openLesson();
    const others = ['other/orient', 'active-active/other', 'helm', 'active-active/__proto__'];
    (await lookAfter(here, 2_000)).verifies(...others.map((id) => [id, 'done']));
    await settle();
    assert.deepEqual(here.seen.contexts, {});
});

test('an answer that is none ticks nothing, is logged, and is asked for again', async () => {
    const here = await started();
    await here.openLesson();
    const done = JSON.stringify({ schema: 1, steps: [{ id: 'active-active/orient', state: 'done' }] });
    const newer = JSON.stringify({ schema: 2, steps: [{ id: 'active-active/orient', state: 'done' }] });
    const answers = [[done, 2, 'unknown lesson'], [done, 3], [''], [done.slice(1)], [newer], ['{"schema":1}'], ['null']];
    let pause = 2_000;
    for (const [index, answer] of answers.entries()) {
        (await lookAfter(here, pause)).says(...answer);
        await settle();
        assert.equal(here.seen.logged.length, index + 1);
        pause = Math.min(pause * 1.5, 30_000);
    }
    assert.match(here.seen.logged[0], /pgedge-bootstrap verify ended with 2: unknown lesson/);
    assert.deepEqual([here.seen.contexts, here.seen.messages], [{}, []]);
    await lookAfter(here, pause);
});

test('the pauses grow while nothing is new, and what is done is not looked at again', async () => {
    const here = await started();
    await here.openLesson();
    for (const pause of [2_000, 3_000, 4_500, 6_750, 10_125, 15_187.5, 22_781.25, 30_000, 30_000]) {
        (await lookAfter(here, Math.ceil(pause))).verifies(...NONE);
        await settle();
    }
    (await lookAfter(here, 30_000)).verifies(['active-active/orient', 'done'], ...NONE.slice(1));
    await settle();
    assert.deepEqual((await lookAfter(here, 2_000)).args.slice(1, -2), subjects.slice(1));
});

test('there is one look at a time, whatever happens meanwhile', async () => {
    const here = await started();
    await here.openLesson();
    const look = await lookAfter(here, 2_000);
    for (let time = 0; time < 6; time += 1) {
        here.events.ended.fire({ terminal: {}, execution: { commandLine: { value: 'ls' } } });
        here.show(LESSON);
        await pass(3_000);
        assert.equal(here.program.running, 1);
    }
    look.verifies(...NONE);
    await settle();
    // What happened during the look is a reason to look soon.
    await lookAfter(here, 2_000);
});

test('a look that hangs is ended, first kindly, and no other begins before it is over', async () => {
    const here = await started();
    await here.openLesson();
    const look = await lookAfter(here, 2_000);
    await pass(19_999);
    assert.deepEqual(look.killed, []);
    await pass(1);
    assert.deepEqual(look.killed, ['SIGTERM']);
    await pass(2_000);
    assert.deepEqual(look.killed, ['SIGTERM', 'SIGKILL']);
    await pass(600_000);
    assert.equal(here.program.asked.length, 1);
    look.dies('SIGKILL');
    await settle();
    assert.match(here.seen.logged[0], /verify did not end in 20 s/);
    await lookAfter(here, 3_000);
});

test('a late answer is no answer', async () => {
    const here = await started();
    await here.openLesson();
    const look = await lookAfter(here, 2_000);
    await pass(20_000);
    look.verifies(...ALL);
    await settle();
    assert.deepEqual(here.seen.contexts, {});
});

test('without the program the looks end in silence, until something happens', async () => {
    const here = await started();
    await here.openLesson();
    (await lookAfter(here, 2_000)).isMissing();
    await settle();
    assert.equal(here.missing.isShown, true);
    assert.deepEqual(here.seen.messages, []);
    await nobodyLooks(here, 3_600_000);
    here.events.ended.fire({ terminal: {}, execution: { commandLine: { value: 'ls' } } });
    (await lookAfter(here, 2_000)).verifies(...NONE);
    await settle();
    assert.equal(here.missing.isShown, false);
});

test('nobody looks before the lesson is open, and for a quarter of an hour after it was closed', async () => {
    const here = await started();
    here.show(LESSON);
    here.events.ended.fire({ terminal: {}, execution: { commandLine: { value: 'ls' } } });
    await nobodyLooks(here, 3_600_000);
    await here.openLesson();
    here.close();
    let looks = 0;
    for (let minute = 0; minute < 60; minute += 1) {
        for (let second = 0; second < 60; second += 1) {
            await pass(1_000);
            if (here.program.running === 1) {
                here.program.open.verifies(...NONE);
                looks += 1;
            }
        }
        assert.ok(minute > 14 || looks > minute, `nobody looks in minute ${minute}`);
    }
    assert.ok(looks < 45, `${looks} looks`);
    await nobodyLooks(here, 3_600_000);
});

test('where the lesson was never shown, neither trust nor a setting makes anybody look', async () => {
    const here = await started({ isTrusted: false, tabs: [{ ...SETTINGS }] });
    here.trust();
    here.configure('pgedge-bootstrap', 'pgedge-bootstrap.program');
    await nobodyLooks(here, 3_600_000);
});

test('that a program is missing is not said of another one', async () => {
    const here = await started();
    await here.openLesson();
    (await lookAfter(here, 2_000)).isMissing();
    await settle();
    here.configure('pgedge-bootstrap', 'pgedge-bootstrap.openAtStart');
    assert.equal(here.missing.isShown, true);
    here.configure('pgedge-bootstrap', 'pgedge-bootstrap.program');
    assert.equal(here.missing.isShown, false);
    (await lookAfter(here, 2_000)).verifies(...NONE);
});

test('after a reload the lesson that was shown is looked at again, without a click', async () => {
    const before = await started();
    await before.openLesson();
    before.dispose();
    const here = await started({ tabs: [{ ...LESSON, isActive: true }], known: Object.fromEntries(before.workspace) });
    await lookAfter(here, 2_000);
    here.dispose();
    const other = await started({ tabs: [{ ...LESSON, isActive: true }] });
    await nobodyLooks(other, 3_600_000);
});

test('a tab that has come back late is looked at, too', async () => {
    const here = await started({ known: { shown: LESSON.label } });
    await nobodyLooks(here, 60_000);
    here.show(LESSON);
    await lookAfter(here, 2_000);
});

test('settings are not taken for the lesson once something was clicked in it', async () => {
    const here = await started();
    await here.openLesson();
    await click(here, 'orient', 1);
    here.close();
    here.show(SETTINGS);
    for (let minute = 0; minute < 16; minute += 1) {
        await pass(60_000);
        here.program.asks('verify')?.verifies(...NONE);
        await settle();
    }
    here.events.ended.fire({ terminal: {}, execution: { commandLine: { value: 'ls' } } });
    here.configure('pgedge-bootstrap', 'pgedge-bootstrap.openAtStart');
    await nobodyLooks(here, 3_600_000);
    // As it is labelled in some editors, or in another language.
    here.show({ label: 'Walkthrough: pgEdge: active-active Postgres, step by step', input: undefined });
    await lookAfter(here, 2_000);
});

test('when nothing happens for long, looks are minutes apart, and soon again when something does', async () => {
    const here = await started();
    await here.openLesson();
    let looks = 0;
    const hour = async () => {
        looks = 0;
        for (let second = 0; second < 3600; second += 1) {
            await pass(1_000);
            if (here.program.running === 1) {
                here.program.open.verifies(...NONE);
                looks += 1;
            }
            if (second % 10 === 0) {
                // Somebody works on something else.
                here.show({ label: 'notes.txt', input: {} });
            }
        }
    };
    await hour();
    await hour();
    assert.ok(looks >= 11 && looks <= 12, `${looks} looks in the second hour`);
    here.events.ended.fire({ terminal: {}, execution: { commandLine: { value: 'ls' } } });
    await lookAfter(here, 2_000);
});

test('when all is done nobody looks any more', async () => {
    const here = await started();
    await here.openLesson();
    (await lookAfter(here, 2_000)).verifies(...ALL);
    await settle();
    assert.equal(Object.values(here.seen.contexts).filter(Boolean).length, subjects.length);
    await nobodyLooks(here, 3_600_000);
});

test('nobody looks if that is switched off', async () => {
    const here = await started({ settings: { 'pgedge-bootstrap.watchProgress': false } });
    await here.openLesson();
    await nobodyLooks(here, 3_600_000);
    here.values['pgedge-bootstrap.watchProgress'] = true;
    here.configure('pgedge-bootstrap', 'pgedge-bootstrap.watchProgress');
    await lookAfter(here, 2_000);
});

test('the end of the extension ends the look, and ticks nothing', async () => {
    const here = await started();
    await here.openLesson();
    const look = await lookAfter(here, 2_000);
    here.dispose();
    assert.deepEqual(look.killed, ['SIGTERM']);
    look.verifies(...ALL);
    await settle();
    assert.deepEqual([here.seen.contexts, here.seen.logged], [{}, []]);
    here.show(LESSON);
    await nobodyLooks(here, 3_600_000);
    assert.ok(Object.values(here.events).every(({ listeners }) => listeners.size === 0));
});

test('after the end of the extension no look begins', async () => {
    const here = await started();
    await here.openLesson();
    (await lookAfter(here, 2_000)).verifies(...NONE);
    await settle();
    here.dispose();
    await nobodyLooks(here, 3_600_000);
});
