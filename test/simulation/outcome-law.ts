import { keyOf } from '../../src/domain/model.ts';
import type { Plan } from '../../src/domain/plan.ts';
import type { Outcome } from '../../src/domain/report.ts';
import { isFlying, refOf, type Flight } from './flights.ts';
import { judgeSpareAtEnd } from './turnover-law.ts';
import type { Witness } from './witness.ts';

/** A watch may be a minute late, and a fresh read takes its time. */
const SEEN = 150_000;
/** How late the controller may count Pods. */
const LAG = 2_000;

/** An outcome is told: what the API server's own objects say to it. */
export function noteEnd(witness: Witness, outcome: Outcome): void {
  const { court, process } = witness;
  const flight = flightOf(witness, outcome);
  if (outcome.outcome === 'interrupted') {
    if (flight !== undefined) flight.leftBy = process;
    return;
  }
  // A PATCH that was refused began nothing.
  const isNothing = outcome.outcome === 'denied' && flight?.way === 'rollout' && flight.process !== process;
  court.demands(
    flight !== undefined || outcome.outcome !== 'reverted' || court.forgottenAt > Number.NEGATIVE_INFINITY,
    'what is reverted is so',
    () => `${process.run} tells that ${keyOf(outcome)} is, and nobody ever restarted it`,
  );
  if (flight === undefined || isNothing) return;
  judgeOutcome(witness, outcome, flight);
  judgeSpareAtEnd(witness, outcome, flight);
  const isFirst = flight.end === undefined;
  if (witness.hasBatch && isFirst) witness.lastEndAt = court.now;
  // What was half done when somebody opted it out goes on when that is over; what failed may have come up since.
  if (flight.end !== undefined && outcome.outcome === 'restarted') flight.end = { ...flight.end, wasRestarted: true };
  if (flight.end === undefined || outcome.outcome === 'reverted') {
    const wasRestarted = flight.end?.outcome === 'restarted';
    flight.end = { outcome: outcome.outcome, at: court.now, wasRestarted };
  }
  if (outcome.outcome === 'failed' || outcome.outcome === 'undone') noteFailure(witness, flight);
  if (outcome.outcome === 'ineffective' && isFirst) witness.ineffectiveInRow++;
  if (outcome.outcome === 'restarted') witness.ineffectiveInRow = 0;
  if (witness.ineffectiveInRow >= 2) witness.isStopped = true;
}

/** It failed, which the next save says. */
export function noteUndoing(witness: Witness, outcome: Outcome): void {
  const flight = flightOf(witness, outcome);
  if (flight !== undefined) noteFailure(witness, flight);
}

/** A zombie tells of what it knew, which may not be the last restart of the workload any more. */
function flightOf({ court, process, inventoryAt }: Witness, { uid }: Outcome): Flight | undefined {
  const all = court.flights.all.filter(flight => flight.uid === uid);
  const known = all.findLast(flight => flight.process === process || flight.acceptedAt <= inventoryAt);
  return known !== undefined && (known.end === undefined || court.writer !== process) ? known : all.at(-1);
}

function noteFailure(witness: Witness, { uid, at }: Flight): void {
  const { court, draft, process } = witness;
  const failure = `${uid} ${at}`;
  // One that a save has told before counts once, in its own occurrence.
  if (court.counted.has(failure)) return;
  witness.failures.add(failure);
  const known = court.failures.get(String(witness.occurrence)) ?? new Set();
  if (new Set([...known, ...witness.failures]).size < draft.stopAfter) return;
  witness.isStopped = true;
  witness.stop = { at: process.clock.now(), isManual: draft.resume === 'manual' };
}

function judgeOutcome(witness: Witness, outcome: Outcome, flight: Flight): void {
  const { court, process, draft, proofs } = witness;
  const tells = `${process.run} tells that ${keyOf(outcome)} is ${outcome.outcome}`;
  const demands = (holds: boolean, why: string): void => {
    court.demands(holds, `what is ${outcome.outcome} is so`, () => `${tells}, but ${why}`);
  };
  const proof = proofs.get(outcome.uid);
  switch (outcome.outcome) {
    case 'restarted': {
      const carries = flight.way !== 'rollout' || proof?.count === 0 || proof?.carries === flight.at;
      demands(carries, 'its Pods do not carry T');
      // What is wanted now says nothing about what was wanted then.
      const isOtherWant = !isWanted(court, flight, draft);
      demands(
        draft.stale.some(({ kind }) => kind === 'drift') || proof?.stale === 0 || isOtherWant,
        'a Pod still matches a criterion',
      );
      const isLost = proof !== undefined && proof.bare > 0 && flight.process === process;
      demands(!(isLost && draft.stale.some(({ kind }) => kind === 'drift')), 'Pods lost their sidecar');
      const isAwaited = outcome.detail.includes('still terminating');
      // The Pods are there a moment before their workload says so.
      const lag = flight.way === 'rollout' ? 0 : LAG;
      const soaked = flight.completeAt !== undefined && court.now - flight.completeAt >= draft.soak - lag;
      // Of whom somebody took a Pod, its kind may count that one until it is gone.
      const isCounted = outcome.kind !== 'Deployment' && (court.disturbedAt.get(outcome.uid) ?? 0) >= flight.acceptedAt;
      const isOther = flight.way !== 'rollout' && court.injectorChangedAt >= flight.acceptedAt && proof?.stale === 0;
      // Another run went on with it, and a zombie tells of it, too.
      const isTaken = flight.way !== 'rollout' && flight.supersededAt !== undefined && court.writer !== process;
      return demands(
        isAwaited || soaked || isOther || isTaken || isCounted,
        'it was not complete for as long as it has to soak',
      );
    }
    case 'failed': {
      const { completeSince } = flight;
      const isWell = completeSince !== undefined && court.now - completeSince > SEEN + draft.soak;
      const isKnown = !draft.stale.some(({ kind }) => kind === 'drift');
      // Who stood still tells of what it read before.
      const isExcused = process.wasPaused;
      return demands(
        !(isWell && isKnown && proof?.stale === 0) || isExcused,
        'it is complete for long, and its Pods are fresh',
      );
    }
    case 'undone':
      // By replace there is only a spare Pod to take back, which has a law of its own.
      return demands(flight.takenBackAt !== undefined || flight.way === 'replace', 'it was not taken back');
    case 'ineffective': {
      const isKnown = proof !== undefined && !draft.stale.some(({ kind }) => kind === 'drift');
      demands(!isKnown || proof.stale > 0 || flight.lostStale, 'no Pod matches a criterion');
      return demands(!isKnown || proof.staleSince > 0, 'no Pod that was made since matches a criterion');
    }
    case 'reverted':
      // For a zombie another run did, which went on with it.
      const isZombie = flight.way === 'replace' && court.writer !== process;
      return demands(flight.takenBackAt !== undefined || isZombie, 'nobody took it back');
    case 'superseded':
      return demands(
        flight.supersededAt !== undefined || flight.takenBackAt !== undefined || !witness.isBound(flight),
        'nobody changed it',
      );
    case 'gone':
      return demands(flight.goneAt !== undefined, 'it is there');
    case 'denied':
    case 'interrupted':
      return undefined;
  }
}

function isWanted(court: Witness['court'], { key, want }: Flight, draft: Witness['draft']): boolean {
  const workload = court.world.api.get(refOf(key));
  return workload !== undefined && court.eyes.want(workload, draft) === want;
}

/** What was in flight when the Deployments were read is found, and awaited. */
export function notePlan(witness: Witness, plan: Plan): void {
  const { court, process, inventoryAt } = witness;
  // A zombie tells of what it saw; who holds the checkpoint now finds it.
  if (court.writer !== process) return;
  const found = new Set(plan.inFlight.map(({ workload }) => workload.uid));
  for (const flight of court.flights.all) {
    if (!isFlying(flight) || flight.acceptedAt > inventoryAt || found.has(flight.uid)) continue;
    const workload = court.world.api.get(refOf(flight.key));
    if (workload === undefined || workload.replicas === 0) continue;
    if (court.isOnlyEndingAndForgotten(flight)) continue;
    // It has failed, as a save told, and the run that was to take it back died.
    if (court.counted.has(`${flight.uid} ${flight.at}`)) continue;
    if (!witness.isBound(flight)) continue;
    // Of a StatefulSet that was scaled down only Pods are left over that it does not want any more.
    const isShrinking = workload.kind === 'StatefulSet' && workload.status.replicas > workload.replicas;
    if (flight.isDisturbed && isShrinking) continue;
    court.breaks(
      'what is in flight is found by the next run',
      `${process.run} does not await ${flight.key}, which ${flight.process.run} restarted at ${flight.at}`,
    );
  }
}

/** Who says that a workload was restarted, or that somebody took that back, is right about it. */
export function noteLeft({ court, process }: Witness, { left }: Plan): void {
  if (court.writer !== process) return;
  for (const { workload, why, detail } of left) {
    const flights = court.flights.all.filter(({ uid }) => uid === workload.uid);
    const isSo =
      (why !== 'revertedBefore' || flights.some(({ takenBackAt }) => takenBackAt !== undefined)) &&
      (why !== 'restartedThisSweep' || flights.length > 0);
    court.demands(
      isSo,
      'what is left is left for what has happened',
      () => `${process.run} leaves ${keyOf(workload)} for ${why}: ${detail}`,
    );
  }
}

/** Between two batches there is a pause; what was left by an earlier occurrence and is awaited before is none. */
export function noteBatch(witness: Witness): void {
  const { court, process, draft, lastEndAt } = witness;
  witness.hasBatch = true;
  if (lastEndAt === undefined) return;
  const waited = court.now - lastEndAt;
  court.demands(
    waited >= draft.pause,
    'a pause lies between batches',
    () => `${process.run} waited ${waited / 1000} s`,
  );
}
