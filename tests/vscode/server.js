'use strict';

// Visual Studio Code as a server on a port of its own, with one extension, in a home of its own. It is code-server's build of
// it, without code-server around it.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

/** How long the server has to install, to begin, or to end. In milliseconds. */
const DEADLINE = 60_000;

/** What a person who has no settings has, but for what would ask somebody else's machine or look at other programs of this one. */
const SETTINGS = {
    'chat.disableAIFeatures': true,
    'extensions.autoCheckUpdates': false,
    'extensions.autoUpdate': false,
    'git.enabled': false,
    'remote.autoForwardPorts': false,
    'telemetry.telemetryLevel': 'off',
    'workbench.startupEditor': 'none',
};

/**
 * @param {string} tools where the pinned packages are
 * @param {string} home
 * @param {string} vsix
 * @param {string} log what the server says
 * @param {Record<string, string>} env
 */
async function serve(tools, home, vsix, log, env) {
    const main = path.join(link(tools), 'out/server-main.js');
    const data = path.join(home, 'server');
    const extensions = path.join(data, 'extensions');
    fs.mkdirSync(path.join(data, 'data/Machine'), { recursive: true });
    fs.writeFileSync(path.join(data, 'data/Machine/settings.json'), JSON.stringify(SETTINGS));
    const places = ['--server-data-dir', data, '--extensions-dir', extensions];
    const install = [main, ...places, '--install-extension', vsix];
    const said = execFileSync(process.execPath, install, { env, timeout: DEADLINE, encoding: 'utf8', stdio: 'pipe' });
    if (!fs.readdirSync(extensions).some((name) => name.startsWith('pgedge.pgedge-bootstrap-'))) {
        throw new Error(`the extension was not installed: ${said}`);
    }
    const options = ['--host', '127.0.0.1', '--port', '0', '--without-connection-token', '--accept-server-license-terms'];
    // A group of its own, for its own processes outlive it for a while, to be found again.
    const server = spawn(process.execPath, [main, ...places, ...options], {
        env,
        detached: true,
        stdio: ['ignore', 'pipe', fs.openSync(log, 'w')],
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
        process.once(signal, () => void stop(server).finally(() => process.exit(1)));
    }
    try {
        const port = await told(server, /^Extension host agent listening on (\d+)/);
        return { address: `http://127.0.0.1:${port}/`, stop: () => stop(server) };
    } catch (error) {
        await stop(server);
        throw error;
    }
}

/** The editor's own lock file pins more than is needed here, so ours pins what is, and it is shown where that lies. */
function link(tools) {
    const folder = path.join(tools, 'node_modules/code-server/lib/vscode');
    const modules = path.join(folder, 'node_modules');
    if (!fs.existsSync(modules)) {
        fs.symlinkSync('../../..', modules);
    }
    return folder;
}

/** The number in the line that the server prints when it can be reached. */
async function told(server, pattern) {
    const lines = readline.createInterface({ input: server.stdout, signal: AbortSignal.timeout(DEADLINE) });
    // The end of the server is the end of its lines.
    for await (const line of lines) {
        const [, number] = pattern.exec(line) ?? [];
        if (number !== undefined) {
            server.stdout.resume();
            return number;
        }
    }
    throw new Error('the server ended, or did not say where it can be reached');
}

async function stop(server) {
    if (server.exitCode === null && server.signalCode === null) {
        const over = once(server, 'exit', { signal: AbortSignal.timeout(DEADLINE) });
        process.kill(-server.pid, 'SIGKILL');
        await over;
    }
}

module.exports = { serve };
