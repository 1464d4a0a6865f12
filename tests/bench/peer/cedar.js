// Cedar (its WebAssembly build) on the policy and the questions of decide_bench --peer FILE.
//
//   node cedar.js FILE BENCH_JSON
//
// Checks first that it decides as we do on every question, so that the same is measured. Marshalling to
// WebAssembly is part of its figure, as it is for whoever uses it this way.
import { readFileSync, writeFileSync } from 'node:fs';
import cedar from '@cedar-policy/cedar-wasm/nodejs';

const [file, bench] = process.argv.slice(2);
const { policies, requests } = JSON.parse(readFileSync(file, 'utf8'));
const parsed = cedar.preparsePolicySet('sluis', { staticPolicies: policies });
if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors[0]));

const calls = requests.map(({ context, release }) => ({
  release,
  call: {
    principal: { type: 'Partij', id: 'asker' },
    action: { type: 'Action', id: 'request' },
    resource: { type: 'Field', id: context.field },
    context,
    entities: [],
    preparsedPolicySetId: 'sluis',
  },
}));

let differ = 0;
for (const { call, release } of calls) {
  const answer = cedar.statefulIsAuthorized(call);
  if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors[0]));
  if ((answer.response.decision === 'allow') !== release) ++differ;
}
if (differ > 0) throw new Error(`decides otherwise on ${differ} of ${calls.length}`);

const samples = [];
for (let i = 0; i < 6000; ++i) {
  const { call } = calls[(i * 7919) % calls.length];
  const start = process.hrtime.bigint();
  cedar.statefulIsAuthorized(call);
  const taken = Number(process.hrtime.bigint() - start);
  if (i >= 1000) samples.push(taken);
}
samples.sort((a, b) => a - b);
const p50 = samples[samples.length >> 1];
const figures = JSON.parse(readFileSync(bench, 'utf8'));
figures.peer_decide1_p50_u = Number((p50 / figures.unit_ns).toFixed(3));
figures.peer_over_ours = Number((figures.peer_decide1_p50_u / figures.decide1_p50_u).toFixed(1));
writeFileSync(bench, JSON.stringify(figures, null, 2) + '\n');
console.log(`  peer_decide1_p50_u ${figures.peer_decide1_p50_u.toFixed(3).padStart(24)}   Cedar (wasm), one field, median, in U`);
console.log(`  peer_over_ours ${String(figures.peer_over_ours).padStart(28)}   the same over ours`);
