/**
 * What people and the agent say, per language: openings of questions, objects to ask about and
 * sentences of answers. Data only; text.ts puts them together to a wanted length. Languages with
 * spaces and without, right to left, combining marks, and characters beyond the BMP: the lengths
 * and previews of the read models must be right for all of them.
 */
import type { Weighted } from './random.ts';

export type Language = {
  readonly code: string;
  /** What stands between sentences. */
  readonly gap: string;
  readonly questions: readonly string[];
  readonly topics: readonly string[];
  readonly answers: readonly string[];
};

const english: Language = {
  code: 'en',
  gap: ' ',
  questions: ['How do I {}?', 'Can you {}?', 'Please {}.', 'What is the best way to {}?'],
  topics: [
    'compare our revenue by region for the last two quarters',
    'find the invoices that were paid late',
    'plan a three-day trip to Lisbon with two children',
    'explain the difference between a mutex and a semaphore',
    'write a polite reminder to a customer',
    'plot the temperature of the last 30 days',
  ],
  answers: [
    'Here is a summary of what I found.',
    'The figures rose by 12.4 % compared with the previous quarter, mostly because of new customers.',
    'Two of the documents contradict each other, so I checked the more recent one first.',
    'If you only need a rough estimate, the first option is enough.',
    'I would start with the smallest change and measure it before going on.',
    'Let me know whether you want the details by month.',
    'Note that the table leaves out orders that were cancelled within 24 hours.',
  ],
};

const german: Language = {
  code: 'de',
  gap: ' ',
  questions: ['Wie kann ich {}?', 'Könntest du {}?', 'Bitte {}!'],
  topics: [
    'die Umsätze der letzten zwölf Monate vergleichen',
    'eine höfliche Absage an einen Bewerber schreiben',
    'überfällige Rechnungen im Süden herausfiltern',
    'den Unterschied zwischen Kündigung und Widerruf erklären',
  ],
  answers: [
    'Gerne, hier ist eine kurze Übersicht.',
    'Größere Abweichungen gibt es nur im März, weil damals eine Lieferung ausfiel.',
    'Am einfachsten ist es, zuerst die kleinste Änderung zu prüfen.',
    'Falls du die Zahlen je Monat brauchst, sag bitte Bescheid.',
    'Zwei Quellen widersprechen sich; ich habe die neuere verwendet.',
  ],
};

const french: Language = {
  code: 'fr',
  gap: ' ',
  questions: ['Comment {} ?', 'Peux-tu {} ?', 'J’aimerais {}.'],
  topics: [
    'résumer ce contrat en cinq points',
    'réserver une salle pour vingt personnes à Orléans',
    'vérifier les factures impayées de l’été dernier',
    'comprendre cette erreur de compilation',
  ],
  answers: [
    'Voici ce que j’ai trouvé dans les documents.',
    'La hausse s’explique surtout par l’arrivée de nouveaux clients à l’étranger.',
    'Où que l’on regarde, les écarts restent inférieurs à 3 %.',
    'Dites-moi si vous préférez un tableau plutôt qu’un graphique.',
  ],
};

const spanish: Language = {
  code: 'es',
  gap: ' ',
  questions: ['¿Cómo puedo {}?', '¿Me ayudas a {}?', 'Quiero {}.'],
  topics: [
    'preparar un menú para ocho personas',
    'traducir este correo al inglés',
    'averiguar por qué bajaron las ventas en otoño',
  ],
  answers: [
    'Aquí tienes un resumen de los resultados.',
    'El año pasado la diferencia fue mayor, según el segundo informe.',
    'Si quieres, también puedo mostrarlo por mes y por región.',
    '¡Atención! La tabla no incluye los pedidos cancelados.',
  ],
};

const japanese: Language = {
  code: 'ja',
  gap: '',
  questions: ['{}方法を教えてください。', '{}ことはできますか？'],
  topics: ['売上を地域ごとに比較する', '会議の議事録を要約する', '京都の三日間の旅行を計画する'],
  answers: [
    '調べた結果をまとめました。',
    '前の四半期と比べて一二パーセント増えています。',
    '二つの資料に矛盾があるため、新しいほうを使いました。',
    '月ごとの詳細が必要でしたらお知らせください。',
  ],
};

const chinese: Language = {
  code: 'zh',
  gap: '',
  questions: ['怎样{}？', '请帮我{}。'],
  topics: ['比较各地区的销售额', '写一封礼貌的催款信', '解释互斥锁和信号量的区别'],
  answers: [
    '以下是我找到的内容摘要。',
    '与上一季度相比增长了百分之十二，主要来自新客户。',
    '这两份文件互相矛盾，我采用了较新的一份。',
    '如果需要按月的明细，请告诉我。',
  ],
};

const arabic: Language = {
  code: 'ar',
  gap: ' ',
  questions: ['كيف يمكنني {}؟', 'هل يمكنك {}؟'],
  topics: ['مقارنة المبيعات حسب المنطقة', 'كتابة رسالة تذكير مهذبة', 'تلخيص محضر الاجتماع'],
  answers: [
    'إليك ملخص ما وجدته.',
    'ارتفعت الأرقام مقارنة بالربع السابق بسبب العملاء الجدد.',
    'أخبرني إذا كنت تريد التفاصيل حسب الشهر.',
  ],
};

const hindi: Language = {
  code: 'hi',
  gap: ' ',
  questions: ['मैं {} कैसे करूँ?', 'क्या आप {} कर सकते हैं?'],
  topics: ['बिक्री की तुलना', 'बैठक का सारांश', 'तीन दिन की यात्रा की योजना'],
  answers: [
    'यहाँ मुझे जो मिला उसका सारांश है।',
    'पिछली तिमाही की तुलना में बढ़ोतरी हुई है।',
    'अगर आपको महीने के हिसाब से विवरण चाहिए तो बताइए।',
  ],
};

export const languages: Weighted<Language> = [
  [english, 55],
  [german, 9],
  [french, 8],
  [spanish, 8],
  [japanese, 6],
  [chinese, 6],
  [arabic, 4],
  [hindi, 4],
];

/** With skin tones, joiners and flags: one sign on the screen, up to seven code points. */
export const emoji: readonly string[] = [
  '🙂',
  '🎉',
  '🤔',
  '👍🏽',
  '🚀',
  '❤️',
  '👩‍💻',
  '👨‍👩‍👧‍👦',
  '🇩🇪',
  '📈',
];

export const labels: readonly string[] = [
  'question',
  'data_analysis',
  'writing',
  'coding',
  'planning',
  'small_talk',
  'complaint',
];
