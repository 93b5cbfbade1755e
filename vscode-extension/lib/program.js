'use strict';

// The program `pgedge-bootstrap`: the one who knows what is done. Only what it prints as JSON is believed.

const childProcess = require('node:child_process');
const { existsSync } = require('node:fs');

/** A look takes the program ten seconds at most; one that takes twice that hangs. In milliseconds. */
const DEADLINE = 20_000;

/** What a program may use to end in order. In milliseconds. */
const GRACE = 2_000;

/**
 * @typedef {{id: string, title: string, state: string, detail: string, hint: string | null}} Row of `verify`
 */

/** It is not on this machine, or cannot be run. */
class ProgramMissing extends Error {}

class Program {
    /** @param {() => string} name a name on the PATH or a path, as it is set now */
    constructor(name) {
        this.name = name;
    }

    /**
     * How far these steps of lessons are.
     *
     * @param {string[]} subjects `LESSON/STEP` each
     * @param {string} folder where the lesson's commands are run
     * @param {AbortSignal} signal
     * @returns {Promise<Row[]>}
     */
    async verify(subjects, folder, signal) {
        // 1: something does not hold yet. That, too, is an answer.
        const answer = await this.#answer(['verify', ...subjects, '--output', 'json'], [0, 1], folder, signal);
        if (!Array.isArray(answer.steps)) {
            throw new Error('verify answered without steps');
        }
        return answer.steps;
    }

    /**
     * Whether it is there and can tell how the tools reach the cluster.
     *
     * @param {string} folder
     * @param {AbortSignal} signal
     */
    async check(folder, signal) {
        await this.#answer(['env', '--output', 'json'], [0], folder, signal);
    }

    /**
     * @param {string[]} args
     * @param {number[]} codes the exit codes of an answer
     * @param {string} folder
     * @param {AbortSignal} signal
     * @returns {Promise<any>}
     */
    async #answer(args, codes, folder, signal) {
        const { code, stdout, stderr } = await this.#run(args, folder, signal);
        if (!codes.includes(code)) {
            throw new Error(`${this.name()} ${args[0]} ended with ${code}: ${stderr.trim() || 'it said nothing'}`);
        }
        let answer;
        try {
            answer = JSON.parse(stdout);
        } catch (error) {
            throw new Error(`${this.name()} ${args[0]} answered something that is not JSON`, { cause: error });
        }
        if (answer?.schema !== 1) {
            throw new Error(`${this.name()} ${args[0]} answered in a form that this extension does not know`);
        }
        return answer;
    }

    /**
     * @param {string[]} args
     * @param {string} folder
     * @param {AbortSignal} signal
     * @returns {Promise<{code: number, stdout: string, stderr: string}>}
     */
    #run(args, folder, signal) {
        signal.throwIfAborted();
        const name = this.name();
        return new Promise((resolve, reject) => {
            let late = false;
            /** @type {NodeJS.Timeout | undefined} */
            let timer;
            const options = /** @type {const} */ ({ cwd: folder, encoding: 'utf8' });
            const child = childProcess.execFile(name, args, options, (error, stdout, stderr) => {
                clearTimeout(timer);
                signal.removeEventListener('abort', stop);
                const code = error ? error.code : 0;
                if (late) {
                    reject(new Error(`${name} ${args[0]} did not end in ${DEADLINE / 1000} s`));
                } else if (typeof code === 'number') {
                    resolve({ code, stdout, stderr });
                } else if ((code === 'ENOENT' && existsSync(folder)) || code === 'EACCES') {
                    reject(new ProgramMissing(`${name} cannot be run: ${code}`, { cause: error }));
                } else {
                    reject(error);
                }
            });
            const stop = () => {
                clearTimeout(timer);
                child.kill('SIGTERM');
                timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
            };
            timer = setTimeout(() => {
                late = true;
                stop();
            }, DEADLINE);
            signal.addEventListener('abort', stop);
        });
    }
}

module.exports = { DEADLINE, GRACE, Program, ProgramMissing };
