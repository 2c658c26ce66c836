// Checks the results of the SDK's services against the SDK's type declarations.
// JavaScript does not check them: a member with a wrong name would be undefined, and a
// number that is sent as a string would stay a string.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const dist = path.dirname(createRequire(import.meta.url).resolve("@databricks/sdk-experimental"));
const declarations = (area, file) => fs.readFileSync(path.join(dist, "apis", area, file), "utf8").replace(/\/\*.*?\*\//gs, "");

const models = new Map();

// model returns the interfaces and enums of an area. It reads them once.
function model(area) {
  if (!models.has(area)) {
    const types = new Map();
    for (const [, name, body] of declarations(area, "model.d.ts").matchAll(/export interface (\w+) \{(.*?)\n\}/gs)) {
      const fields = new Map();
      for (const [, field, optional, type] of body.matchAll(/^\s*"?([\w$-]+)"?(\??): (.*);$/gm)) {
        fields.set(field, { type, optional: optional !== "" });
      }
      types.set(name, { fields });
    }
    for (const [, name, values] of declarations(area, "model.d.ts").matchAll(/export type (\w+) = (.*?);/gs)) {
      types.set(name, { values: [...values.matchAll(/"(.*?)"/g)].map((m) => m[1]) });
    }
    models.set(area, types);
  }
  return models.get(area);
}

// methods returns the result types of a service's methods: one type, the two types of a
// waiter, or the type of each element.
function methods(area, service) {
  const [, body] = declarations(area, "api.d.ts").match(new RegExp(`class ${service} \\{(.*?)\\n\\}`, "s"));
  const found = new Map();
  for (const [, name, returns] of body.matchAll(/^\s+(\w+)\([^;]*?\): (Promise<.*>|AsyncIterable<.*>);$/gm)) {
    const [, wrapper, type] = returns.match(/^(\w+)<(.*)>$/);
    const [, created, awaited] = type.match(/^Waiter<(.*), (.*)>$/) ?? [];
    found.set(name, wrapper === "AsyncIterable" ? { element: type } : awaited ? { response: created, awaited } : { response: type });
  }
  return found;
}

// check fails if a value does not have the given type of an area. It adds members that
// the SDK does not declare to unknown.
function check(value, type, area, where, unknown) {
  const wants = (kind) => assert.equal(value === null ? "null" : typeof value, kind, `${where} is ${JSON.stringify(value)}`);
  let m;
  if (type === "any" || type === "ReadableStream") return;
  if (["string", "number", "boolean"].includes(type)) return wants(type);
  if ((m = type.match(/^Array<(.*)>$/))) {
    assert.ok(Array.isArray(value), `${where} is ${JSON.stringify(value)}, not an array`);
    value.forEach((element, i) => check(element, m[1], area, `${where}[${i}]`, unknown));
    return;
  }
  if ((m = type.match(/^Record<string, (.*)>$/))) {
    wants("object");
    Object.entries(value).forEach(([key, member]) => check(member, m[1], area, `${where}.${key}`, unknown));
    return;
  }
  if ((m = type.match(/^(\w+)\.(\w+)$/))) return check(value, m[2], m[1], where, unknown);

  const declared = type === "EmptyResponse" ? { fields: new Map() } : model(area).get(type);
  assert.ok(declared, `${where}: no type ${area}.${type}`);
  if (declared.values) {
    return assert.ok(declared.values.includes(value), `${where} is ${JSON.stringify(value)}, not one of ${declared.values}`);
  }
  wants("object");
  for (const [key, { optional }] of declared.fields) {
    assert.ok(optional || key in value, `${where} lacks ${key}`);
  }
  for (const [key, member] of Object.entries(value)) {
    const field = declared.fields.get(key);
    if (field) {
      check(member, field.type, area, `${where}.${key}`, unknown);
    } else {
      unknown.add(type === "EmptyResponse" ? `${where}.${key}` : `${area}.${type}.${key}`);
    }
  }
}

// strict wraps a service so that all its results are checked. It adds the names of the
// methods that are called to called, as Service.method.
export function strict(service, area, name, unknown, called) {
  const declared = methods(area, name);
  return new Proxy(service, {
    get(target, property) {
      const method = target[property];
      const returns = declared.get(property);
      if (typeof method !== "function" || !returns) return method;
      const where = `${name}.${property}()`;
      if (returns.element) {
        return async function* (...args) {
          called.add(`${name}.${property}`);
          for await (const element of method.apply(target, args)) {
            check(element, returns.element, area, where, unknown);
            yield element;
          }
        };
      }
      return async (...args) => {
        called.add(`${name}.${property}`);
        const response = await method.apply(target, args);
        if (!returns.awaited) {
          check(response, returns.response, area, where, unknown);
          return response;
        }
        const { wait, ...members } = response;
        check(members, returns.response, area, where, unknown);
        return {
          ...members,
          wait: async (options) => {
            const object = await wait(options);
            check(object, returns.awaited, area, `${where}.wait()`, unknown);
            return object;
          },
        };
      };
    },
  });
}

export const methodsOf = (area, name) => [...methods(area, name).keys()].map((method) => `${name}.${method}`);
