import assert from "node:assert/strict";
import { test } from "node:test";

import { duration } from "../src/html.ts";
import { crmUrl, dialled, numbersIn } from "../src/numbers.ts";

const found = (text: string): readonly string[] => numbersIn(text).map((one) => one.number);

test("numbers as people write them", () => {
  for (const [text, number] of [
    ["Gọi 0901 234 567 nhé", "0901234567"],
    ["(028) 3823 4567", "02838234567"],
    ["Hotline: 1900 1919.", "19001919"],
    ["+84 (0)90.123.4567", "+84901234567"],
    ["+44 20 7946 0958", "+442079460958"],
  ] as const) assert.deepEqual(found(text), [number], text);
  assert.deepEqual(found("0901234567, hoặc 0912-345-678"), ["0901234567", "0912345678"]);
});

test("what is no telephone number stays as it is", () => {
  for (const text of ["2026-11-30", "01/12/2026 08:30", "10.000.000 đ", "192.168.0.10", "0912", "id=0901234567x", "a@0901234567.vn", "4111 1111 1111 1111", "2090123456789012345"]) {
    assert.deepEqual(found(text), [], text);
  }
});

test("places are those in the text", () => {
  const text = "A: 0901 234 567, B";
  const [one] = numbersIn(text);
  assert.equal(text.slice(one!.start, one!.end), "0901 234 567");
});

test("what is dialled has no separators", () => {
  assert.equal(dialled("tel:+84-90-123;ext=5"), "+8490123");
  assert.equal(dialled(" *21# "), "*21#");
});

test("the CRM's URL gets what it names, encoded", () => {
  assert.equal(crmUrl("https://crm/?p={number}&n={name}&x={other}", { number: "+8490", name: "Lan & Co" }), "https://crm/?p=%2B8490&n=Lan%20%26%20Co&x={other}");
});

test("durations", () => {
  assert.equal(duration(65_000), "01:05");
  assert.equal(duration(3_700_000), "1:01:40");
});
